// SPDX-License-Identifier: Apache-2.0
// A lane and its spool: what is stored when, what is released when, what is sent from there.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "spool_stand.h"

namespace sluice {
namespace {

using namespace literals;
using Keys = std::vector<uint64_t>;

TEST(LaneSpool, StoresWhatWaitsTooLongAndLetsItGoOnlyWhenItIsDurable) {
  SpoolStand stand;
  stand.begin();
  for (int i = 0; i < 3; ++i) stand.ship_now();
  stand.spool.answers = false;
  stand.fail_for(1900_ms);
  EXPECT_EQ(stand.spool.storing(), 0U) << "not yet";
  stand.fail_for(1_s);
  EXPECT_EQ(stand.spool.storing(), 3U);
  EXPECT_TRUE(stand.home.parcels.empty());
  stand.spool.answers = true;
  stand.fail_for(100_ms);
  EXPECT_EQ(stand.home_with(Fate::kSpooled), (Keys{1, 2, 3}));
  EXPECT_EQ(stand.metrics.spooled_lines.get(), 9);
  EXPECT_EQ(stand.gauge.held_parcels.load(), 2) << "the one that is tried, and the next";
  // And is the only one that is asked for all the while.
  const size_t requests = stand.wire.requests.size();
  stand.fail_for(3_s);
  for (size_t i = requests; i < stand.wire.requests.size(); ++i)
    EXPECT_EQ(stand.wire.requests[i].key.low, 1U);
}

TEST(LaneSpool, SendsTheSpoolInOrderWhenTheDestinationIsBackAndLeavesNothing) {
  SpoolStand stand;
  stand.begin();
  for (int i = 0; i < 5; ++i) stand.ship_now();
  stand.fail_for(4_s);
  const size_t before = stand.wire.requests.size();
  stand.deliver_all();
  Keys sent = stand.requested();
  sent.erase(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(before));
  sent.erase(std::unique(sent.begin(), sent.end()), sent.end());
  EXPECT_TRUE(sent == (Keys{1, 2, 3, 4, 5}) || sent == (Keys{2, 3, 4, 5}));
  EXPECT_EQ(stand.metrics.delivered_lines.get(), 15);
  EXPECT_EQ(stand.metrics.replayed_raw_bytes.get(), 150);
  EXPECT_EQ(stand.home.parcels.size(), 5U) << "each comes home once";
  EXPECT_TRUE(stand.disk.files.empty());
  EXPECT_TRUE(stand.lane->empty());
}

TEST(LaneSpool, EverySecondRequestIsAFreshOneWhileBothWait) {
  SpoolStand stand;
  stand.begin();
  for (int i = 0; i < 5; ++i) stand.ship_now();
  stand.fail_for(4_s);
  for (int i = 0; i < 3; ++i) stand.ship_now();
  const size_t before = stand.wire.requests.size();
  stand.deliver_all();
  Keys sent = stand.requested();
  sent.erase(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(before));
  const auto place = [&](uint64_t key) {
    return std::find(sent.begin(), sent.end(), key) - sent.begin();
  };
  EXPECT_LT(place(6), place(4)) << "today's lines do not wait behind yesterday's";
  EXPECT_LT(place(3), place(8));
  EXPECT_TRUE(stand.disk.files.empty());
}

TEST(LaneSpool, DSK_1_AFullDiskPutsTheParcelsBackInTheirOrderAndTriesAgain) {
  SpoolStand stand;
  bool full = true;
  stand.disk.fails = [&](MemorySpool::Call) { return full ? ENOSPC : 0; };
  stand.begin();
  for (int i = 0; i < 4; ++i) stand.ship_now();
  stand.fail_for(6_s);
  EXPECT_TRUE(stand.home.parcels.empty()) << "nothing is released, nothing is dropped";
  EXPECT_GT(stand.metrics.spool_errors.get(), 1);
  EXPECT_EQ(stand.gauge.held_parcels.load(), 4);
  EXPECT_GT(stand.events.count("spool"), 0U);
  full = false;
  stand.fail_for(2_s);
  EXPECT_EQ(stand.home_with(Fate::kSpooled), (Keys{1, 2, 3, 4}));
}

TEST(LaneSpool, AStopDoesNotWaitForWhatIsSafe) {
  SpoolStand stand;
  stand.begin();
  for (int i = 0; i < 3; ++i) stand.ship_now();
  stand.fail_for(500_ms);
  stand.lane->begin_stop(stand.now, stand.now + 30_s);
  stand.fail_for(1_s);
  EXPECT_EQ(stand.home_with(Fate::kSpooled).size(), 3U);
  EXPECT_TRUE(stand.lane->empty());
  EXPECT_EQ(stand.spool.counts().records, 3);
}

TEST(LaneSpool, WhatIsDeliveredWhileItIsStoredIsNotSentAgain) {
  SpoolStand stand;
  stand.begin();
  stand.ship_now();
  stand.spool.answers = false;
  stand.fail_for(3_s);
  ASSERT_EQ(stand.spool.storing(), 1U);
  stand.deliver_all();
  EXPECT_EQ(stand.home_with(Fate::kDelivered), (Keys{1}));
  stand.spool.answers = true;
  stand.deliver_all();
  EXPECT_EQ(stand.home.parcels.size(), 1U);
  EXPECT_TRUE(stand.disk.files.empty());
}

}  // namespace
}  // namespace sluice

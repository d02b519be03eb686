// SPDX-License-Identifier: Apache-2.0
// A lane and its spool: what is stored when, what is released when, what is sent from there.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "flow/spool/spool_log.h"
#include "lane_stand.h"
#include "memory_spool.h"

namespace sluice {
namespace {

using namespace literals;
using Keys = std::vector<uint64_t>;

// The real log on memory; its disk answers when the test lets it.
class SlowSpool final : public Spool {
 public:
  explicit SlowSpool(MemorySpool& disk) : log(SpoolSettings{}, disk) {
    SLUICE_CHECK(log.open(WallTime(1'000'000'000)).ok(), "a spool in memory opens");
  }
  void store(std::vector<SpoolDraft> drafts) override { drafts_ = std::move(drafts); }
  std::optional<Result<uint64_t>> stored() override {
    if (drafts_.empty() || !answers) return std::nullopt;
    return log.append(std::exchange(drafts_, {}), WallTime(0));
  }
  void fetch() override { fetching_ = true; }
  std::optional<Result<SpooledParcel>> fetched() override {
    if (!answers || !std::exchange(fetching_, false)) return std::nullopt;
    return log.fetch();
  }
  void remove(uint64_t sequence, Lines lines) override { log.remove(sequence, lines); }
  SpoolCounts counts() override { return log.counts(); }
  size_t storing() const { return drafts_.size(); }

  SpoolLog log;
  bool answers = true;

 private:
  std::vector<SpoolDraft> drafts_;
  bool fetching_ = false;
};

struct SpoolStand : LaneStand {
  MemorySpool disk;
  SlowSpool spool{disk};

  SpoolStand() {
    settings.workers = 1;
    settings.spools = true;
    settings.spool_after = 2_s;
    settings.retry_min_delay = 100_ms;
    settings.retry_max_delay = 1_s;
  }
  void begin() {
    lane.emplace(settings,
                 LaneParts{&wire, &arriving, &home, &gauge, &metrics, &events, &steward, nullptr,
                           nullptr, &spool},
                 1);
  }
  void ship_now() {
    ship(3);
    arriving.parcels.back()->sealed_at = now;
  }
  void answer_all(int32_t status) {
    while (wire.open_count() > 0) wire.answer_oldest(status_answer(status));
  }
  // Every request is refused for so long.
  void fail_for(Duration time) {
    for (const MonoTime end = now + time; now < end; now += 50_ms) {
      turn();
      answer_all(503);
      turn();
    }
  }
  void deliver_all() {
    for (int i = 0; i < 200; ++i) {
      now += 50_ms;
      turn();
      answer_all(200);
      turn();
    }
  }
};

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

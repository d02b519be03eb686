// SPDX-License-Identifier: Apache-2.0
// With `spool: at-risk`: what a shard reads while a destination is away, and what its lane stores.
#include <gtest/gtest.h>

#include <vector>

#include "shard_stand.h"
#include "spool_stand.h"

namespace sluice {
namespace {

using namespace literals;
using Keys = std::vector<uint64_t>;

struct RiskStand : SpoolStand {
  RiskStand() {
    settings.spool = SpoolMode::kAtRisk;
    begin();
  }
  void ship_at_risk() {
    ship_now();
    arriving.parcels.back()->at_risk = true;
  }
};

TEST(AtRisk, AnOutageStoresNothingOfFilesThatAreWhereTheyWere) {
  RiskStand stand;
  for (int i = 0; i < 4; ++i) stand.ship_now();
  stand.fail_for(60_s);
  EXPECT_TRUE(stand.home.parcels.empty());
  EXPECT_TRUE(stand.disk.files.empty());
  EXPECT_FALSE(stand.gauge.only_at_risk);
}

TEST(AtRisk, LinesOfARotatedFileAreStoredWithWhatStandsInFrontOfThem) {
  RiskStand stand;
  stand.ship_now();
  stand.ship_at_risk();
  stand.ship_now();
  stand.fail_for(3_s);
  EXPECT_EQ(stand.home_with(Fate::kSpooled), (Keys{1, 2}));
  EXPECT_EQ(stand.gauge.held_parcels.load(), 3) << "one is tried, one is next, and the last waits";
  stand.deliver_all();
  EXPECT_EQ(stand.metrics.delivered_lines.get(), 9);
  EXPECT_TRUE(stand.disk.files.empty());
}

TEST(AtRisk, WhatWasReadOfAFileBeforeItWasRotatedIsStored) {
  RiskStand stand;
  stand.ship_now();
  stand.fail_for(3_s);
  stand.ship_now();
  ++stand.gauge.rotations;
  stand.fail_for(100_ms);
  stand.ship_now();
  stand.fail_for(3_s);
  EXPECT_EQ(stand.home_with(Fate::kSpooled), (Keys{1, 2}));
}

TEST(AtRisk, OnlyARotatedFileIsReadWhileTheDestinationIsAwayAndTheQueueMakesRoomForIt) {
  RiskStand stand;
  stand.ship_now();
  stand.ship_now();
  stand.gauge.at_risk = 1;
  stand.fail_for(1900_ms);
  EXPECT_FALSE(stand.gauge.only_at_risk) << "it may only be slow";
  stand.fail_for(300_ms);
  EXPECT_TRUE(stand.gauge.only_at_risk);
  EXPECT_EQ(stand.events.count("at_risk"), 1U);
  EXPECT_EQ(stand.home_with(Fate::kSpooled), (Keys{1, 2}));
  EXPECT_EQ(stand.metrics.at_risk_files.get(), 1);
  stand.gauge.at_risk = 0;  // read to its end
  stand.fail_for(100_ms);
  EXPECT_FALSE(stand.gauge.only_at_risk);
  stand.ship_now();
  stand.fail_for(10_s);
  EXPECT_EQ(stand.home.parcels.size(), 2U) << "the others stay where they are";
}

TEST(AtRisk, ADestinationThatIsBackIsReadForAsBefore) {
  RiskStand stand;
  stand.ship_now();
  stand.gauge.at_risk = 1;
  stand.fail_for(3_s);
  ASSERT_TRUE(stand.gauge.only_at_risk);
  stand.deliver_all();
  EXPECT_FALSE(stand.gauge.only_at_risk);
}

// Each holds a descriptor, and maybe the room of a deleted file.
TEST(AtRisk, ROT_15_ASlowDestinationDoesNotHoldManyRotatedFilesOpen) {
  RiskStand stand;
  stand.gauge.at_risk = stand.settings.at_risk_files_max;
  for (int i = 0; i < 3; ++i) stand.ship_now();
  stand.turn();
  EXPECT_FALSE(stand.gauge.only_at_risk);
  ++stand.gauge.at_risk;
  stand.turn();
  stand.turn();
  EXPECT_TRUE(stand.gauge.only_at_risk);
  EXPECT_EQ(stand.home_with(Fate::kSpooled), (Keys{2, 3})) << "the first is on the wire";
}

TEST(AtRisk, AStopStoresWhatIsAtRiskAndGivesTheRestBack) {
  RiskStand stand;
  stand.ship_at_risk();
  stand.ship_now();
  stand.fail_for(500_ms);
  stand.lane->begin_stop(stand.now, stand.now + 1_s);
  stand.fail_for(2_s);
  EXPECT_EQ(stand.home_with(Fate::kSpooled), (Keys{1}));
  EXPECT_EQ(stand.home_with(Fate::kUndelivered), (Keys{2}));
}

struct RiskShard : ShardStand {
  RiskShard() : ShardStand(ShardStandRules{}) {}
  // Until a file in which nothing happens is looked at no more.
  void turn_for_a_while() {
    for (int i = 0; i < 1000; ++i) turn_after(10_ms);
  }
  FileOffset acked_after_delivery(uint32_t tail) {
    deliver();
    return acked[tail];
  }
};

TEST(AtRisk, AShardReadsNothingButRotatedFilesWhenItIsTold) {
  RiskShard stand;
  stand.gauge.only_at_risk = true;
  stand.adopt(1, "live\n");
  stand.adopt(2, "rotated\n");
  stand.turn_for_a_while();
  EXPECT_EQ(stand.io.reads, 0);
  EXPECT_EQ(stand.gauge.at_risk.load(), 0);
  stand.order(ShardOrder::Kind::kRotated, 2);
  stand.turn_for_a_while();
  EXPECT_EQ(stand.gauge.rotations.load(), 1);
  EXPECT_EQ(stand.gauge.at_risk.load(), 0) << "it is read to its end";
  ASSERT_EQ(stand.lane.values.size(), 1U);
  EXPECT_EQ(stand.lane.values.front()->spans.front().tail, TailId(2));
  EXPECT_TRUE(stand.lane.values.front()->at_risk);
  stand.gauge.only_at_risk = false;
  stand.turn_for_a_while();
  ASSERT_EQ(stand.lane.values.size(), 2U);
  EXPECT_FALSE(stand.lane.values.back()->at_risk);
}

TEST(AtRisk, WhatIsWrittenToARotatedFileDuringAnOutageIsSeen) {
  RiskShard stand;
  stand.adopt(1, "one\n");
  stand.order(ShardOrder::Kind::kRotated, 1);
  for (int i = 0; i < 3; ++i) stand.turn_after(10_ms);
  EXPECT_EQ(stand.gauge.at_risk.load(), 0);
  stand.gauge.credit_bytes = 0;
  stand.io.files[1] += "two\n";
  for (int i = 0; i < 5; ++i) stand.turn_after(10_ms);
  EXPECT_EQ(stand.gauge.at_risk.load(), 1) << "nobody can tell before it is read";
  stand.gauge.credit_bytes = INT64_MAX;
  stand.gauge.only_at_risk = true;
  stand.turn_for_a_while();
  EXPECT_EQ(stand.gauge.at_risk.load(), 0);
  EXPECT_EQ(stand.acked_after_delivery(1), FileOffset(8));
}

TEST(AtRisk, ARotatedFileThatCannotBeReadYetIsCountedAndNoLongerWhenItIsReleased) {
  RiskShard stand;
  stand.gauge.bytes_max = 0;
  stand.adopt(1, "waits\n");
  stand.order(ShardOrder::Kind::kRotated, 1);
  stand.turn_for_a_while();
  EXPECT_EQ(stand.gauge.at_risk.load(), 1);
  stand.order(ShardOrder::Kind::kRelease, 1);
  stand.turn_for_a_while();
  EXPECT_EQ(stand.gauge.at_risk.load(), 0);
}

}  // namespace
}  // namespace sluice

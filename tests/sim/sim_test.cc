// SPDX-License-Identifier: Apache-2.0
// A few hundred schedules, and single worlds in which one thing happens.
#include <gtest/gtest.h>

#include "world.h"

namespace sluice::sim {
namespace {

using namespace literals;

// A calm world: one shard, one destination, two streams, nothing fails.
Plan calm_plan() {
  Plan plan;
  plan.destinations.push_back({});
  plan.troubled = 2_s;
  plan.bursts = 12;
  return plan;
}

int64_t count_of(const Verdict& verdict, Rare rare) {
  return verdict.rare[static_cast<size_t>(rare)];
}

// Twenty schedules of one plan. Returns the sums of their rare states.
RareCounts expect_good(const Plan& plan) {
  RareCounts sums{};
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Verdict verdict = World(seed, plan, false).run();
    EXPECT_TRUE(verdict.good) << "seed " << seed << ": " << verdict.invariant << ": "
                              << verdict.what;
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += verdict.rare[i];
  }
  return sums;
}

int64_t count_of(const RareCounts& counts, Rare rare) {
  return counts[static_cast<size_t>(rare)];
}

TEST(Schedules, ThreeHundredOfThemKeepEveryPromise) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    const Verdict verdict = run_schedule(seed, false);
    ASSERT_TRUE(verdict.good) << "sluice-sim " << seed << ": " << verdict.invariant << ": "
                              << verdict.what;
  }
}

TEST(Schedules, TheSameSeedTellsTheSameStory) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Verdict first = run_schedule(seed, false);
    const Verdict second = run_schedule(seed, false);
    EXPECT_EQ(first.hash, second.hash) << "seed " << seed;
    EXPECT_EQ(first.steps, second.steps) << "seed " << seed;
  }
}

TEST(Schedules, AnotherSeedTellsAnotherStory) {
  EXPECT_NE(run_schedule(1, false).hash, run_schedule(2, false).hash);
}

TEST(World, WithoutFaultsNothingIsStoredTwice) {
  const RareCounts counts = expect_good(calm_plan());
  EXPECT_EQ(count_of(counts, Rare::kStoredTwice), 0);
}

TEST(World, CrashesRepeatLinesAndLoseNone) {
  Plan plan = calm_plan();
  plan.crashes = 4;
  plan.checkpoint_interval = 3_s;
  const RareCounts counts = expect_good(plan);
  EXPECT_GT(count_of(counts, Rare::kCrash), 0);
  EXPECT_GT(count_of(counts, Rare::kStoredTwice), 0);
}

TEST(World, StopsInTimeRepeatNothing) {
  Plan plan = calm_plan();
  plan.stops = 3;
  plan.shutdown_timeout = 2_s;
  int64_t stops = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const Verdict verdict = World(seed, plan, false).run();
    EXPECT_TRUE(verdict.good) << "seed " << seed << ": " << verdict.what;
    // Some operators lose their patience and kill what they have asked to stop.
    if (count_of(verdict, Rare::kCrash) + count_of(verdict, Rare::kCrashInStop) > 0) continue;
    stops += count_of(verdict, Rare::kCleanStop);
    EXPECT_EQ(count_of(verdict, Rare::kStoredTwice), 0) << "seed " << seed;
  }
  EXPECT_GT(stops, 0);
}

TEST(World, WhenNoHintEverArrivesReconcileFindsEverything) {
  Plan plan = calm_plan();
  plan.lost_hint = 1000;
  plan.rotations = 5;
  plan.wide_pattern = true;
  expect_good(plan);
}

TEST(World, APartOfAFileThatIsCutOffIsNotSentAgainByWhoWasNotBehindTheCut) {
  Plan plan = calm_plan();
  plan.cuts = 6;
  plan.partial_write = 300;
  const RareCounts counts = expect_good(plan);
  EXPECT_GT(count_of(counts, Rare::kTruncatedInPart), 0);
  EXPECT_GT(count_of(counts, Rare::kGoesOnAfterCut), 0);
}

TEST(World, ALossOfPowerThatTakesStoredRowsWithItLosesNoLine) {
  Plan plan = calm_plan();
  plan.power_losses = 4;
  plan.store_error = 500;
  plan.fsync_lies = true;
  const RareCounts counts = expect_good(plan);
  EXPECT_GT(count_of(counts, Rare::kFsyncLied), 0);
  EXPECT_GT(count_of(counts, Rare::kZeroTail), 0);
}

TEST(World, ADamagedStoreAndAnOldCopyOfItLoseNoLine) {
  Plan plan = calm_plan();
  plan.crashes = 4;
  plan.store_damage = 500;
  plan.store_restored = 300;
  const RareCounts counts = expect_good(plan);
  EXPECT_GT(count_of(counts, Rare::kStoreDamaged), 0);
  EXPECT_GT(count_of(counts, Rare::kStoreRestored), 0);
}

TEST(World, ALostAnswerIsFollowedByTheSameRequestAgain) {
  Plan plan = calm_plan();
  plan.request_fault = 500;
  const RareCounts counts = expect_good(plan);
  EXPECT_GT(count_of(counts, Rare::kAnswerLost), 0);
  EXPECT_GT(count_of(counts, Rare::kStoredTwice), 0);
}

TEST(World, ContentThatWasReplacedBeginsAnEpochAndLateAcksOfTheOldOneMoveNothing) {
  Plan plan = calm_plan();
  plan.truncations = 6;
  plan.answer_delay_max = 200_ms;
  plan.checkpoint_interval = 10_ms;
  const RareCounts counts = expect_good(plan);
  EXPECT_GT(count_of(counts, Rare::kEpochBegun), 0);
  EXPECT_GT(count_of(counts, Rare::kLateAck), 0);
}

TEST(World, ADeletedFileIsDeliveredToItsEndAndThenLetGo) {
  Plan plan = calm_plan();
  plan.deletions = 5;
  plan.partial_write = 400;
  plan.reuse_inodes = true;
  const RareCounts counts = expect_good(plan);
  EXPECT_GT(count_of(counts, Rare::kPartialLastLine), 0);
}

TEST(World, DSK_2_AFullDiskUnderTheCheckpointsStopsNoDelivery) {
  Plan plan = calm_plan();
  plan.store_error = 500;
  plan.crashes = 2;
  const RareCounts counts = expect_good(plan);
  EXPECT_GT(count_of(counts, Rare::kStoreFailed), 0);
}

TEST(World, OrderedFilesArriveInOrderThroughCrashesAndOutages) {
  Plan plan = calm_plan();
  plan.destinations[0].ordered = true;
  plan.destinations[0].batch_lines = 2;
  plan.shards = 3;
  plan.outages = 3;
  plan.crashes = 2;
  const RareCounts counts = expect_good(plan);
  EXPECT_GT(count_of(counts, Rare::kOrderedRewind), 0);
}

TEST(World, TwoDescriptorsAreEnoughForTenFiles) {
  Plan plan = calm_plan();
  plan.streams = 4;
  plan.open_files_max = 2;
  plan.rotations = 6;
  plan.wide_pattern = true;
  const RareCounts counts = expect_good(plan);
  EXPECT_GT(count_of(counts, Rare::kParked), 0);
}

TEST(World, DropOldestCountsEveryLineThatItGivesUp) {
  Plan plan = calm_plan();
  plan.destinations[0].drop_oldest = true;
  plan.destinations[0].lines_max = 3;
  plan.destinations[0].batch_lines = 1;
  plan.outages = 3;
  const RareCounts counts = expect_good(plan);
  EXPECT_GT(count_of(counts, Rare::kDropped), 0);
}

TEST(World, TheTraceOfOneScheduleEndsWithItsVerdict) {
  const Verdict verdict = World(7, calm_plan(), false).run();
  EXPECT_TRUE(verdict.good);
  EXPECT_GT(verdict.steps, 50);
  EXPECT_EQ(count_of(verdict, Rare::kCrash), 0);
}

}  // namespace
}  // namespace sluice::sim

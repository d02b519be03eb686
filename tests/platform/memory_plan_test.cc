// SPDX-License-Identifier: Apache-2.0
#include "platform/memory_plan.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using namespace literals;

constexpr PlanDestination kDefaultDestination{512_KiB, Bytes(6 << 20) + 16_KiB, 1_MiB, 4};

PlanInput defaults() {
  return {64_MiB, 1, 1_MiB, {kDefaultDestination}};
}

const MemoryTerm* term(const MemoryPlan& plan, std::string_view what) {
  for (const MemoryTerm& each : plan.terms) {
    if (each.what == what) return &each;
  }
  return nullptr;
}

TEST(MemoryPlan, DefaultsTouchLittleOfTheirLimit) {
  const MemoryPlanOutcome outcome = make_memory_plan(defaults());
  ASSERT_TRUE(outcome.plan) << outcome.refusal;
  EXPECT_EQ(outcome.plan->pool.buffers_per_shard, 6);
  EXPECT_EQ(outcome.plan->pool.oversize, 1);
  EXPECT_EQ(outcome.plan->lanes[0].bytes_max, 8_MiB);
  EXPECT_LE(outcome.plan->total(), 64_MiB);
  // What a machine without over-long lines and with a prompt destination makes resident.
  const Bytes hot =
      term(*outcome.plan, "read buffers")->total() + term(*outcome.plan, "open bodies")->total() +
      term(*outcome.plan, "compressed bodies")->total() + term(*outcome.plan, "codecs")->total();
  EXPECT_LT(hot, 5_MiB);
}

TEST(MemoryPlan, TheSumNeverExceedsTheLimit) {
  for (int64_t mebibytes = 1; mebibytes <= 512; mebibytes += 3) {
    for (const int32_t shards : {1, 2, 7, 32}) {
      for (const size_t destinations : {1U, 3U, 9U}) {
        PlanInput input{1_MiB * mebibytes, shards, 1_MiB, {}};
        input.destinations.assign(destinations, kDefaultDestination);
        const MemoryPlanOutcome outcome = make_memory_plan(input);
        ASSERT_EQ(outcome.plan.has_value(), input.limit >= outcome.least);
        if (!outcome.plan) continue;
        ASSERT_LE(outcome.plan->total(), input.limit);
        ASSERT_EQ(outcome.plan->lanes.size(), destinations);
        for (const LanePlan& lane : outcome.plan->lanes) ASSERT_GE(lane.bytes_max, 1_MiB);
        ASSERT_GE(outcome.plan->pool.buffers_per_shard, static_cast<int32_t>(destinations));
      }
    }
  }
}

TEST(MemoryPlan, TooSmallALimitIsRefusedWithTheLeastThatWouldDo) {
  PlanInput input = defaults();
  input.limit = 4_MiB;
  const MemoryPlanOutcome refused = make_memory_plan(input);
  EXPECT_FALSE(refused.plan);
  EXPECT_NE(refused.refusal.find("memory 4.0 MiB is too little"), std::string::npos)
      << refused.refusal;
  input.limit = refused.least;
  EXPECT_TRUE(make_memory_plan(input).plan);
  input.limit = refused.least - 1_B;
  EXPECT_FALSE(make_memory_plan(input).plan);
}

TEST(MemoryPlan, ASmallLimitTakesBuffersBeforeItStarvesTheLanes) {
  PlanInput input = defaults();
  input.limit = make_memory_plan(input).least + 256_KiB;
  const MemoryPlanOutcome small = make_memory_plan(input);
  EXPECT_EQ(small.plan->pool.buffers_per_shard, 2);
  EXPECT_GE(small.plan->lanes[0].bytes_max, 1_MiB);
}

TEST(MemoryPlan, CreditIsSharedInProportionToWhatLanesCanUse) {
  PlanInput input{24_MiB, 1, 64_KiB, {kDefaultDestination, kDefaultDestination}};
  input.destinations[1].workers = 16;
  const MemoryPlanOutcome outcome = make_memory_plan(input);
  ASSERT_TRUE(outcome.plan) << outcome.refusal;
  const Bytes small = outcome.plan->lanes[0].bytes_max;
  const Bytes large = outcome.plan->lanes[1].bytes_max;
  EXPECT_GT(large, small * 3);
  EXPECT_LT(large, small * 5);
}

TEST(MemoryPlan, LinesThatFitABlockWithTheirNewlineNeedNoOversizeBuffers) {
  PlanInput input = defaults();
  input.max_line = 256_KiB - 1_B;
  EXPECT_EQ(make_memory_plan(input).plan->pool.oversize, 0);
  input.max_line = 256_KiB;
  EXPECT_EQ(make_memory_plan(input).plan->pool.oversize, 1);
}

TEST(MemoryPlan, AnOversizeBufferHoldsTheLongestLineAndItsNewline) {
  const MemoryPlanOutcome outcome = make_memory_plan(defaults());
  EXPECT_GT(outcome.plan->pool.oversize_text_bytes, size_t{1} << 20);
}

TEST(MemoryPlan, AnOpenBodyHoldsItsBatchAndOneMoreLine) {
  const MemoryPlanOutcome outcome = make_memory_plan(defaults());
  EXPECT_EQ(outcome.plan->lanes[0].body_capacity, 512_KiB + 6_MiB + 16_KiB);
}

TEST(MemoryPlan, OnAMachineWithManyCpusAsManyShardsStartAsTheLimitFeeds) {
  const int32_t shards = shards_that_fit(defaults(), 64);
  EXPECT_GE(shards, 4);
  EXPECT_LT(shards, 64);
  PlanInput input = defaults();
  input.shards = shards;
  EXPECT_TRUE(make_memory_plan(input).plan);
  EXPECT_EQ(shards_that_fit(defaults(), 2), 2);
  input.limit = 1_MiB;
  EXPECT_EQ(shards_that_fit(input, 8), 1);
}

TEST(MemoryPlan, TheTableNamesEveryTermThatCounts) {
  const MemoryPlanOutcome outcome = make_memory_plan(defaults());
  const std::string table = outcome.plan->table();
  EXPECT_NE(table.find("read buffers           6 x   324 KiB =   1.9 MiB"), std::string::npos)
      << table;
  EXPECT_NE(table.find("lane credit"), std::string::npos) << table;
  EXPECT_NE(table.find("sum"), std::string::npos) << table;
}

}  // namespace
}  // namespace sluice

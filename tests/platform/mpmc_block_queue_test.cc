// SPDX-License-Identifier: Apache-2.0
#include "platform/mpmc_block_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "sluice/line_block.h"

namespace sluice {
namespace {

class MpmcBlockQueueTest : public testing::Test {
 protected:
  MpmcBlockQueueTest() { ordered_.ordered = true; }

  LineBlock* block(size_t i, bool ordered = false) {
    blocks_[i].origin = ordered ? &ordered_ : &parallel_;
    return &blocks_[i];
  }

  TailOrigin parallel_;
  TailOrigin ordered_;
  std::vector<LineBlock> blocks_ = std::vector<LineBlock>(16);
};

constexpr ShardId kZero{0};
constexpr ShardId kOne{1};
constexpr ShardId kTwo{2};

TEST_F(MpmcBlockQueueTest, AShardTakesItsOwnBlocksOldestFirst) {
  MpmcBlockQueue queue(2, 16);
  EXPECT_EQ(queue.take_own(kZero), nullptr);
  queue.publish(kZero, block(0));
  queue.publish(kZero, block(1));
  queue.publish(kOne, block(2));
  EXPECT_EQ(queue.waiting(kZero), 2U);
  EXPECT_EQ(queue.take_own(kZero), block(0));
  EXPECT_EQ(queue.take_own(kZero), block(1));
  EXPECT_EQ(queue.take_own(kZero), nullptr);
  EXPECT_EQ(queue.waiting(kZero), 0U);
  EXPECT_EQ(queue.waiting(kOne), 1U);
}

TEST_F(MpmcBlockQueueTest, AShardStealsFromTheFullestOfTheOthersAndNeverFromItself) {
  MpmcBlockQueue queue(3, 16);
  queue.publish(kZero, block(0));
  queue.publish(kOne, block(1));
  queue.publish(kTwo, block(2));
  queue.publish(kTwo, block(3));
  EXPECT_EQ(queue.steal(kZero), block(2));
  EXPECT_NE(queue.steal(kZero), nullptr);
  EXPECT_NE(queue.steal(kZero), nullptr);
  EXPECT_EQ(queue.steal(kZero), nullptr);
  EXPECT_EQ(queue.waiting(kZero), 1U);
}

TEST_F(MpmcBlockQueueTest, BlocksThatKeepTheirOrderStayAtHome) {
  MpmcBlockQueue queue(2, 16);
  for (size_t i = 0; i < 4; ++i) queue.publish(kZero, block(i, true));
  EXPECT_EQ(queue.steal(kOne), nullptr);
  EXPECT_EQ(queue.waiting(kZero), 4U);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(queue.take_own(kZero), block(i));
  EXPECT_EQ(queue.take_own(kZero), nullptr);
}

TEST_F(MpmcBlockQueueTest, NeitherOrderedNorSharedBlocksHoldUpTheOthers) {
  MpmcBlockQueue queue(2, 16);
  for (size_t i = 0; i < 3; ++i) queue.publish(kZero, block(i, true));
  for (size_t i = 3; i < 6; ++i) queue.publish(kZero, block(i));
  int ordered = 0;
  for (int i = 0; i < 4; ++i) ordered += queue.take_own(kZero)->origin->ordered ? 1 : 0;
  EXPECT_EQ(ordered, 2);
}

TEST_F(MpmcBlockQueueTest, TheOrderedRingIsUsedRoundAndRound) {
  MpmcBlockQueue queue(1, 3);
  for (size_t round = 0; round < 10; ++round) {
    queue.publish(kZero, block(0, true));
    queue.publish(kZero, block(1, true));
    EXPECT_EQ(queue.take_own(kZero), block(0));
    EXPECT_EQ(queue.take_own(kZero), block(1));
  }
}

// Every shard publishes its blocks again as soon as they are free, takes its own and steals.
TEST_F(MpmcBlockQueueTest, EveryBlockIsTakenOnceHoweverManyTakeIt) {
  constexpr uint32_t kShards = 3;
  constexpr size_t kBlocksEach = 4;
  constexpr int kRounds = 20'000;
  MpmcBlockQueue queue(kShards, kShards * kBlocksEach);
  std::vector<LineBlock> blocks(kShards * kBlocksEach);
  std::vector<std::atomic<int>> free(blocks.size());  // 1: may be published again
  for (size_t i = 0; i < blocks.size(); ++i) {
    blocks[i].origin = i % kBlocksEach == 0 ? &ordered_ : &parallel_;
    blocks[i].buffer = static_cast<int32_t>(i);
    free[i] = 1;
  }
  std::atomic<int> published{0};
  std::atomic<int> taken{0};
  std::atomic<uint32_t> publishers{kShards};
  std::vector<std::thread> threads;
  for (uint32_t shard = 0; shard < kShards; ++shard) {
    threads.emplace_back([&, shard] {
      const auto use = [&](LineBlock* block) {
        if (block == nullptr) return;
        block->line_count++;  // a race if somebody else has it too
        const auto index = static_cast<size_t>(block->buffer);
        ASSERT_TRUE(!block->origin->ordered || index / kBlocksEach == shard);
        ++taken;
        ASSERT_EQ(free[index].exchange(1), 0);
      };
      for (int round = 0; round < kRounds; ++round) {
        for (size_t i = shard * kBlocksEach; i < (shard + 1) * kBlocksEach; ++i) {
          if (free[i].exchange(0) == 0) continue;
          ++published;
          queue.publish(ShardId(shard), &blocks[i]);
        }
        use(queue.take_own(ShardId(shard)));
        use(queue.steal(ShardId(shard)));
      }
      --publishers;
      while (publishers.load() > 0 || taken.load() < published.load()) {
        use(queue.take_own(ShardId(shard)));
        std::this_thread::yield();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken.load(), published.load());
  EXPECT_GE(published.load(), kRounds);
  for (uint32_t shard = 0; shard < kShards; ++shard) EXPECT_EQ(queue.waiting(ShardId(shard)), 0U);
}

}  // namespace
}  // namespace sluice

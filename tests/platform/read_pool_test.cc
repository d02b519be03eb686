// SPDX-License-Identifier: Apache-2.0
#include "platform/read_pool.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "platform/mpmc_channel.h"

namespace sluice {
namespace {

struct CountingWaker final : Waker {
  std::atomic<int> wakes{0};
  void wake() noexcept override { ++wakes; }
};

std::unique_ptr<ReadPool> make(const ReadPoolShape& shape) {
  auto pool = ReadPool::create(shape);
  EXPECT_TRUE(pool.ok());
  return std::move(pool).value();
}

// How many pages of `memory` are in RAM.
size_t resident_pages(const void* memory, size_t bytes) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const auto from = reinterpret_cast<uintptr_t>(memory) / page * page;
  const size_t pages = (reinterpret_cast<uintptr_t>(memory) + bytes - from + page - 1) / page;
  std::vector<unsigned char> in(pages);
  EXPECT_EQ(::mincore(reinterpret_cast<void*>(from), pages * page, in.data()), 0);
  size_t count = 0;
  for (const unsigned char each : in) count += each & 1U;
  return count;
}

TEST(ReadPool, GivesEveryBufferOnceAndThenNone) {
  const auto pool = make({.shards = 1, .buffers_per_shard = 4});
  std::set<ReadBuffer*> taken;
  for (int i = 0; i < 4; ++i) taken.insert(pool->take(ShardId(0)));
  EXPECT_EQ(taken.size(), 4U);
  EXPECT_EQ(taken.count(nullptr), 0U);
  EXPECT_EQ(pool->take(ShardId(0)), nullptr);
  pool->give(*taken.begin());
  EXPECT_EQ(pool->take(ShardId(0)), *taken.begin());
}

TEST(ReadPool, AShardCannotTakeTheBuffersOfAnother) {
  const auto pool = make({.shards = 2, .buffers_per_shard = 1});
  ReadBuffer* mine = pool->take(ShardId(0));
  EXPECT_EQ(mine->home, ShardId(0));
  EXPECT_EQ(pool->take(ShardId(0)), nullptr);
  ReadBuffer* other = pool->take(ShardId(1));
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(other->home, ShardId(1));
  pool->give(mine);
  EXPECT_EQ(pool->take(ShardId(1)), nullptr);
}

TEST(ReadPool, BuffersAreDisjointAndWritableFromHeadRoomToTheEnd) {
  const auto pool = make(
      {.shards = 2, .buffers_per_shard = 2, .oversize = 1, .oversize_text_bytes = size_t{1} << 20});
  std::vector<ReadBuffer*> all = {pool->take(ShardId(0)), pool->take(ShardId(0)),
                                  pool->take(ShardId(1)), pool->take(ShardId(1)),
                                  pool->take_oversize()};
  for (size_t i = 0; i < all.size(); ++i) {
    const auto mark = static_cast<int>('a' + i);
    const std::span<std::byte> text = all[i]->text_with_head(Marker::kBytesMax);
    std::memset(text.data(), mark, text.size());
    std::memset(all[i]->line_ends.data(), mark, all[i]->line_ends.size_bytes());
    EXPECT_EQ(pool->at(all[i]->index), all[i]);
    EXPECT_EQ(all[i]->block.buffer, all[i]->index);
  }
  for (size_t i = 0; i < all.size(); ++i) {
    const auto mark = static_cast<std::byte>('a' + i);
    const std::span<std::byte> text = all[i]->text_with_head(Marker::kBytesMax);
    EXPECT_EQ(std::count(text.begin(), text.end(), mark), static_cast<ptrdiff_t>(text.size()));
    EXPECT_EQ(all[i]->line_ends.size(), kBlockLinesMax);
    // Vector loads may read past the text.
    volatile std::byte last = text.data()[text.size() + kReadSlackBytes - 1];
    (void)last;
  }
  EXPECT_EQ(all[0]->text.size(), kBlockBytes);
  EXPECT_EQ(all[4]->text.size(), size_t{1} << 20);
  EXPECT_TRUE(all[4]->oversize);
  EXPECT_EQ(all[4]->registered, -1);
  EXPECT_EQ(pool->take_oversize(), nullptr);
}

TEST(ReadPoolDeathTest, AWriteFarBehindTheTextEndsTheProcess) {
  const auto pool = make({.shards = 1, .buffers_per_shard = 2});
  ReadBuffer* buffer = pool->take(ShardId(0));
  EXPECT_DEATH(std::memset(buffer->text.data() + kBlockBytes, 1, 8192), "");
}

TEST(ReadPoolDeathTest, ABufferThatIsGivenBackTwiceEndsTheProcess) {
  const auto pool = make({.shards = 1, .buffers_per_shard = 2});
  ReadBuffer* buffer = pool->take(ShardId(0));
  pool->give(buffer);
  EXPECT_DEATH(pool->give(buffer), "given back once");
}

#if defined(__SANITIZE_ADDRESS__)
TEST(ReadPoolDeathTest, ABlockThatIsReadAfterItsBufferWentHomeIsReported) {
  const auto pool = make({.shards = 1, .buffers_per_shard = 2});
  const ReadBuffer* buffer = pool->take(ShardId(0));
  const volatile std::byte* text = buffer->text.data();
  pool->give(pool->at(buffer->index));
  EXPECT_DEATH((void)text[100], "use-after-poison");
}
#endif

TEST(ReadPool, ARegistrationHoldsHeadRoomTextAndSlackOfItsBuffer) {
  const auto pool = make(
      {.shards = 2, .buffers_per_shard = 3, .oversize = 1, .oversize_text_bytes = size_t{1} << 20});
  for (uint32_t shard = 0; shard < 2; ++shard) {
    const std::vector<iovec> pieces = pool->registrations(ShardId(shard));
    ASSERT_EQ(pieces.size(), 3U);
    for (int i = 0; i < 3; ++i) {
      const ReadBuffer* buffer = pool->take(ShardId(shard));
      const iovec& piece = pieces[static_cast<size_t>(buffer->registered)];
      EXPECT_EQ(piece.iov_base, buffer->text.data() - Marker::kBytesMax);
      EXPECT_EQ(piece.iov_len, Marker::kBytesMax + kBlockBytes + kReadSlackBytes);
    }
  }
}

TEST(ReadPool, MemoryIsResidentOnlyWhereItWasTouched) {
  const auto pool = make(
      {.shards = 1, .buffers_per_shard = 4, .oversize = 1, .oversize_text_bytes = size_t{8} << 20});
  ReadBuffer* oversize = pool->take_oversize();
  EXPECT_EQ(resident_pages(oversize->text.data(), oversize->text.size()), 0U);
  std::memset(oversize->text.data(), 1, oversize->text.size());
  EXPECT_GE(resident_pages(oversize->text.data(), oversize->text.size()), 2048U);
  pool->give(oversize);
  EXPECT_EQ(resident_pages(oversize->text.data(), oversize->text.size()), 0U);
  EXPECT_EQ(pool->take(ShardId(0))->index, 0);
  EXPECT_EQ(resident_pages(pool->at(3)->text.data(), kBlockBytes), 0U);
}

TEST(ReadPool, AShardThatFoundNoBufferIsWokenWhenOneComesHome) {
  const auto pool = make({.shards = 2, .buffers_per_shard = 1});
  CountingWaker waker;
  CountingWaker other;
  pool->set_waker(ShardId(0), &waker);
  pool->set_waker(ShardId(1), &other);
  ReadBuffer* buffer = pool->take(ShardId(0));
  pool->give(buffer);
  EXPECT_EQ(waker.wakes, 0);  // nobody asked in vain
  buffer = pool->take(ShardId(0));
  EXPECT_EQ(pool->take(ShardId(0)), nullptr);
  EXPECT_EQ(pool->take(ShardId(0)), nullptr);
  pool->give(buffer);
  EXPECT_EQ(waker.wakes, 1);
  EXPECT_EQ(other.wakes, 0);
}

TEST(ReadPool, AllShardsAreWokenWhenAnOversizeBufferIsFreeAgain) {
  const auto pool = make(
      {.shards = 2, .buffers_per_shard = 1, .oversize = 1, .oversize_text_bytes = size_t{1} << 19});
  CountingWaker waker;
  CountingWaker other;
  pool->set_waker(ShardId(0), &waker);
  pool->set_waker(ShardId(1), &other);
  ReadBuffer* buffer = pool->take_oversize();
  EXPECT_EQ(pool->take_oversize(), nullptr);
  pool->give(buffer);
  EXPECT_EQ(waker.wakes, 1);
  EXPECT_EQ(other.wakes, 1);
}

// Shards take their own buffers and send them away; strangers write into them and give them back.
TEST(ReadPool, NoBufferIsLostOrSharedWhenStrangersGiveItBack) {
  constexpr int kShards = 2;
  constexpr int kStrangers = 2;
  constexpr int kRounds = 20'000;
  const auto pool = make({.shards = kShards, .buffers_per_shard = 4});
  MpmcChannel<ReadBuffer*> away(kShards * 4, kShards);
  std::atomic<int> given{0};
  std::vector<std::thread> threads;
  for (uint32_t shard = 0; shard < kShards; ++shard) {
    threads.emplace_back([&, shard] {
      for (int taken = 0; taken < kRounds;) {
        ReadBuffer* buffer = pool->take(ShardId(shard));
        if (buffer == nullptr) {
          std::this_thread::yield();
          continue;
        }
        ++taken;
        buffer->line_ends[0] = shard;  // a race if anybody else has it
        ASSERT_TRUE(away.push(shard, buffer));
      }
    });
  }
  for (int i = 0; i < kStrangers; ++i) {
    threads.emplace_back([&] {
      while (given.load() < kShards * kRounds) {
        ReadBuffer* buffer = nullptr;
        if (!away.pop(buffer)) {
          std::this_thread::yield();
          continue;
        }
        ASSERT_EQ(buffer->line_ends[0], buffer->home.value);
        buffer->line_ends[0] = 77;
        pool->give(buffer);
        ++given;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (uint32_t shard = 0; shard < kShards; ++shard) {
    EXPECT_EQ(pool->free_count(ShardId(shard)), 4U);
  }
}

}  // namespace
}  // namespace sluice

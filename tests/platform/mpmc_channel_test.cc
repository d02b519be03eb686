// SPDX-License-Identifier: Apache-2.0
#include "platform/mpmc_channel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "sluice/parcel.h"

namespace sluice {
namespace {

TEST(MpmcChannel, ValuesOfOneProducerComeOutInTheirOrder) {
  MpmcChannel<int> channel(100, 2);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(channel.push(1, i));
  EXPECT_EQ(channel.size_approx(), 100U);
  for (int i = 0; i < 100; ++i) {
    int value = -1;
    ASSERT_TRUE(channel.pop(value));
    EXPECT_EQ(value, i);
  }
  int value = -1;
  EXPECT_FALSE(channel.pop(value));
  EXPECT_EQ(channel.size_approx(), 0U);
}

TEST(MpmcChannel, IsFullAtItsCapacityWhoeverFillsIt) {
  MpmcChannel<int> channel(3, 2);
  EXPECT_TRUE(channel.push(0, 1));
  EXPECT_TRUE(channel.push(1, 2));
  EXPECT_TRUE(channel.push(0, 3));
  EXPECT_FALSE(channel.push(0, 4));
  EXPECT_FALSE(channel.push(1, 4));
  int value = 0;
  EXPECT_TRUE(channel.pop(value));
  EXPECT_TRUE(channel.push(1, 4));
}

TEST(MpmcChannel, CarriesWhatCanOnlyBeMoved) {
  MpmcChannel<ParcelPtr> channel(4, 1);
  auto parcel = std::make_unique<Parcel>();
  parcel->attempts = 7;
  EXPECT_TRUE(channel.push(0, std::move(parcel)));
  ParcelPtr back;
  ASSERT_TRUE(channel.pop(back));
  EXPECT_EQ(back->attempts, 7U);
}

TEST(MpmcChannel, HoldsALotOfOneProducer) {
  constexpr int kMany = 50'000;
  MpmcChannel<int> channel(kMany, 4);
  for (int i = 0; i < kMany; ++i) ASSERT_TRUE(channel.push(2, i));
  EXPECT_FALSE(channel.push(2, 0));
  for (int i = 0; i < kMany; ++i) {
    int value = -1;
    ASSERT_TRUE(channel.pop(value));
    ASSERT_EQ(value, i);
  }
}

TEST(MpmcChannel, ReleasesWhatIsInsideAtTheEnd) {
  auto counted = std::make_shared<int>(1);
  {
    MpmcChannel<std::shared_ptr<int>> channel(4, 1);
    channel.push(0, counted);
    channel.push(0, counted);
    EXPECT_EQ(counted.use_count(), 3);
  }
  EXPECT_EQ(counted.use_count(), 1);
}

TEST(MpmcChannel, EveryValueArrivesOnceUnderContention) {
  constexpr uint32_t kProducers = 3;
  constexpr uint32_t kConsumers = 3;
  constexpr uint32_t kEach = 30'000;
  MpmcChannel<std::unique_ptr<uint32_t>> channel(64, kProducers);
  std::vector<std::atomic<int>> seen(kProducers * kEach);
  std::atomic<uint32_t> arrived{0};
  std::vector<std::thread> threads;
  for (uint32_t producer = 0; producer < kProducers; ++producer) {
    threads.emplace_back([&, producer] {
      for (uint32_t i = 0; i < kEach;) {
        // Its own value: what a full channel refuses is gone.
        if (channel.push(producer, std::make_unique<uint32_t>(producer * kEach + i))) {
          ++i;
        } else {
          std::this_thread::yield();
        }
      }
    });
  }
  for (uint32_t consumer = 0; consumer < kConsumers; ++consumer) {
    threads.emplace_back([&] {
      std::vector<uint32_t> last(kProducers, 0);
      while (arrived.load() < kProducers * kEach) {
        std::unique_ptr<uint32_t> value;
        if (!channel.pop(value)) {
          std::this_thread::yield();
          continue;
        }
        ++seen[*value];
        ++arrived;
        // What one consumer gets of one producer is in order too.
        const uint32_t producer = *value / kEach;
        ASSERT_GE(*value + 1, last[producer]);
        last[producer] = *value + 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::atomic<int>& each : seen) ASSERT_EQ(each.load(), 1);
  EXPECT_EQ(channel.size_approx(), 0U);
}

}  // namespace
}  // namespace sluice

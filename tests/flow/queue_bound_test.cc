// SPDX-License-Identifier: Apache-2.0
#include "flow/deliver/queue_bound.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using namespace literals;

constexpr int64_t kMost = 8'000'000;

// Delivers parcels of this size at this rate for ten seconds; the bound at the end.
int64_t bound_at(int64_t parcel_bytes, Duration each) {
  QueueBound bound(kMost);
  MonoTime now = MonoTime(0) + 5_s;
  for (const MonoTime end = now + 10_s; now < end; now = now + each) {
    bound.arrived(parcel_bytes);
    bound.queued(bound.bytes());
    bound.delivered(parcel_bytes, now);
  }
  return bound.bytes();
}

TEST(QueueBound, HoldsHalfASecondOfWhatTheDestinationTakes) {
  EXPECT_NEAR(static_cast<double>(bound_at(50'000, 50_ms)), 500'000, 25'000);
  EXPECT_NEAR(static_cast<double>(bound_at(50'000, 10_ms)), 2'500'000, 125'000);
}

TEST(QueueBound, NeverHoldsMoreThanThePlanAllows) {
  EXPECT_EQ(bound_at(50'000, 1_ms), kMost);
}

TEST(QueueBound, HoldsTwoParcelsHoweverSlowTheDestinationIs) {
  EXPECT_EQ(bound_at(50'000, 900_ms), 100'000);
  EXPECT_EQ(bound_at(50'000, 60_s), 100'000);
  EXPECT_GT(QueueBound(kMost).bytes(), 0) << "or nothing would ever be read";
  EXPECT_GT(QueueBound(1).bytes(), 0);
}

TEST(QueueBound, DoesNotTakeAQuietTimeForASlowDestination) {
  QueueBound bound(kMost);
  MonoTime now = MonoTime(0) + 5_s;
  for (int i = 0; i < 100; ++i) {
    now = now + 1_s;
    bound.arrived(50'000);
    bound.queued(50'000);
    bound.queued(0);
    bound.delivered(50'000, now);
  }
  for (int i = 0; i < 60; ++i) {
    now = now + 10_ms;
    bound.arrived(50'000);
    bound.queued(100'000);
    bound.delivered(50'000, now);
  }
  EXPECT_GE(bound.bytes(), 2'000'000) << "it takes 5 MB/s";
}

// Whoever fills it is slow to begin again, and two small parcels are gone before that.
TEST(QueueBound, GrowsWhenItWasFullAndRanEmptyNevertheless) {
  QueueBound bound(kMost);
  MonoTime now = MonoTime(0) + 5_s;
  for (int i = 0; i < 10; ++i) {
    now = now + QueueBound::kPeriod;
    bound.arrived(100);
    bound.queued(bound.bytes());
    bound.queued(0);
    bound.delivered(100, now);
  }
  EXPECT_GE(bound.bytes(), 100'000);
}

}  // namespace
}  // namespace sluice

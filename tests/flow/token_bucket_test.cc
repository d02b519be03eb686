// SPDX-License-Identifier: Apache-2.0
#include "flow/deliver/token_bucket.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace sluice {
namespace {

using namespace literals;

constexpr int64_t kNanos = 1'000'000'000;

MonoTime at(Duration since_start) {
  return MonoTime(0) + since_start;
}

TEST(TokenBucket, GrantsItsBurstAtOnceAndThenItsRate) {
  TokenBucket bucket(RateLimit{10, 5});
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(bucket.earliest(1, at(0_s)), at(0_s));
    bucket.take(1, at(0_s));
  }
  EXPECT_EQ(bucket.earliest(1, at(0_s)), at(100_ms));
  EXPECT_EQ(bucket.earliest(1, at(30_ms)), at(100_ms)) << "asking changes nothing";
  bucket.take(1, at(100_ms));
  EXPECT_EQ(bucket.earliest(5, at(100_ms)), at(600_ms));
}

TEST(TokenBucket, NeverFillsAboveItsBurst) {
  TokenBucket bucket(RateLimit{1000, 7});
  bucket.take(7, at(3600_s));
  EXPECT_GT(bucket.earliest(1, at(3600_s)), at(3600_s));
}

TEST(TokenBucket, LetsAnAmountAboveTheBurstPassWhenFullAndPayItsDebt) {
  TokenBucket bucket(RateLimit{100, 10});
  ASSERT_EQ(bucket.earliest(1000, at(0_s)), at(0_s));
  bucket.take(1000, at(0_s));
  EXPECT_EQ(bucket.earliest(0, at(0_s)), at(9900_ms)) << "990 units of debt at 100 per second";
  EXPECT_EQ(bucket.earliest(1, at(0_s)), at(9910_ms));
  EXPECT_EQ(bucket.earliest(1000, at(0_s)), at(10_s)) << "the next large one needs a full bucket";
}

TEST(TokenBucket, NeverMakesAnybodyWaitWhenItIsOff) {
  TokenBucket bucket(RateLimit{});
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(bucket.earliest(INT64_MAX, at(1_s)), at(1_s));
    bucket.take(INT64_MAX, at(1_s));
  }
}

// Units that have flowed in by `now`, rounded down.
int64_t flowed(int64_t rate, MonoTime now) {
  return static_cast<int64_t>(static_cast<__int128_t>(rate) * now.value / kNanos);
}

TEST(TokenBucket, HasNoDriftOverAMillionUnevenTurns) {
  // Each turn brings a fraction of a unit; whoever rounds per turn is off by thousands at the end.
  constexpr int64_t kRate = 7;
  constexpr int64_t kBurst = 3;
  TokenBucket bucket(RateLimit{kRate, kBurst});
  std::mt19937_64 random(1);
  MonoTime now = at(0_s);
  int64_t granted = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    while (bucket.earliest(1, now) <= now) {
      bucket.take(1, now);
      ++granted;
    }
    ASSERT_EQ(granted, kBurst + flowed(kRate, now)) << "turn " << i;
    now += Duration(3 + static_cast<int64_t>(random() % 40'000'000));
  }
}

TEST(TokenBucket, GrantsEachUnitInTheNanosecondInWhichItIsWhole) {
  constexpr int64_t kBurst = 100;
  for (const int64_t rate :
       {int64_t{1}, int64_t{3}, int64_t{999'999'937}, int64_t{7'777'777'777}}) {
    TokenBucket bucket(RateLimit{rate, kBurst});
    MonoTime now = at(0_s);
    for (int64_t i = 1; i <= 10'000; ++i) {
      now = bucket.earliest(1, now);
      bucket.take(1, now);
      ASSERT_GE(kBurst + flowed(rate, now), i) << "rate " << rate;
      if (now > at(0_s)) {
        ASSERT_LT(kBurst + flowed(rate, MonoTime(now.value - 1)), i) << "rate " << rate;
      }
    }
  }
}

TEST(TokenBucket, SurvivesTheLargestRatesAmountsAndTimes) {
  TokenBucket slow(RateLimit{1, 1});
  slow.take(INT64_MAX, at(0_s));
  const MonoTime far = slow.earliest(INT64_MAX, at(0_s));
  EXPECT_LT(far, kNever) << "centuries, but not never";
  EXPECT_GT(far, at(1'000'000'000_s));
  TokenBucket fast(RateLimit{INT64_MAX, INT64_MAX});
  const MonoTime late = MonoTime(INT64_MAX - 10);
  fast.take(INT64_MAX, at(0_s));
  EXPECT_EQ(fast.earliest(INT64_MAX, late), late);
}

struct Grant {
  MonoTime time;
  int64_t amount;
};

TEST(TokenBucketProperty, GrantsAtMostBurstPlusRateInEveryIntervalAndNeverLaterThanPromised) {
  for (uint32_t seed = 0; seed < 400; ++seed) {
    std::mt19937_64 random(seed);
    const auto up_to = [&random](int64_t top) {
      return 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(top));
    };
    const RateLimit limit{up_to(seed % 2 == 0 ? 50 : 5'000'000'000), up_to(1000)};
    const int64_t amount_max = seed % 3 == 0 ? limit.burst * 4 : limit.burst;
    TokenBucket bucket(limit);
    MonoTime now = at(Duration(up_to(kNanos)));
    std::vector<Grant> grants;
    for (int i = 0; i < 120; ++i) {
      if (random() % 4 == 0) now += Duration(up_to(3 * kNanos));
      const int64_t amount = up_to(amount_max);
      const MonoTime earliest = bucket.earliest(amount, now);
      ASSERT_GE(earliest, now);
      if (earliest > now) {
        const MonoTime before = MonoTime(earliest.value - 1);
        ASSERT_GT(bucket.earliest(amount, before), before) << "seed " << seed;
        ASSERT_EQ(bucket.earliest(amount, earliest), earliest) << "seed " << seed;
      }
      now = earliest;
      bucket.take(amount, now);
      grants.push_back({now, amount});
    }
    for (size_t first = 0; first < grants.size(); ++first) {
      __int128_t sum = 0;
      int64_t largest = limit.burst;
      for (size_t last = first; last < grants.size(); ++last) {
        sum += grants[last].amount;
        largest = std::max(largest, grants[last].amount);
        const Duration interval = grants[last].time - grants[first].time;
        const __int128_t flowed = static_cast<__int128_t>(limit.per_second) * interval.value;
        ASSERT_LE((sum - largest) * kNanos, flowed) << "seed " << seed;
      }
    }
  }
}

TEST(TokenBucketDeathTest, StopsTheProgramWhenSomebodyTakesWhatWasNotGranted) {
  TokenBucket bucket(RateLimit{1, 1});
  bucket.take(1, at(1_s));
  EXPECT_DEATH(bucket.take(1, at(1_s)), "before it is granted");
  EXPECT_DEATH((void)bucket.earliest(1, at(0_s)), "does not go backwards");
}

TEST(RateLimits, StartAnAttemptOnlyWhenBytesLinesAndRequestsAgree) {
  RateLimits limits(RateLimit{1000, 1000}, RateLimit{10, 10}, RateLimit{2, 2});
  const RateLimits::Cost cost{100_B, 5_lines};
  ASSERT_EQ(limits.earliest(cost, at(0_s)), at(0_s));
  limits.take(cost, at(0_s));
  limits.take(cost, at(0_s));
  EXPECT_EQ(limits.earliest({1_B, 1_lines}, at(0_s)), at(500_ms)) << "requests decide";
  EXPECT_EQ(limits.earliest({1_B, 8_lines}, at(0_s)), at(800_ms)) << "lines decide";
  EXPECT_EQ(limits.earliest({Bytes(1900), 1_lines}, at(0_s)), at(500_ms));
  limits.take(cost, at(2_s));
  EXPECT_EQ(limits.earliest({Bytes(1900), 1_lines}, at(2_s)), at(2100_ms)) << "bytes decide";
}

}  // namespace
}  // namespace sluice

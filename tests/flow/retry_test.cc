// SPDX-License-Identifier: Apache-2.0
#include "flow/deliver/retry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace sluice {
namespace {

using namespace literals;

constexpr Duration kNoWish{-1};

Retry default_retry() {
  return Retry(100_ms, 30_s);
}

TEST(Retry, DoublesTheCeilingOfThePauseUntilTheCap) {
  const Retry retry = default_retry();
  for (uint32_t failures = 1; failures <= 12; ++failures) {
    const Duration ceiling = std::min(30_s, 100_ms * (int64_t{1} << failures));
    Jitter jitter(failures);
    Duration longest;
    Duration shortest = 1000_s;
    for (int i = 0; i < 2000; ++i) {
      const Duration pause = retry.pause(failures, kNoWish, jitter.next());
      longest = std::max(longest, pause);
      shortest = std::min(shortest, pause);
    }
    EXPECT_GE(shortest, 100_ms);
    EXPECT_LE(longest, ceiling);
    EXPECT_GT(longest, ceiling - ceiling / 20) << "full jitter reaches its ceiling";
    EXPECT_LT(shortest, 100_ms + ceiling / 20) << "and its floor";
  }
}

TEST(Retry, StaysAtTheCapHoweverOftenAParcelHasFailed) {
  const Retry retry = default_retry();
  for (const uint32_t failures : {20u, 61u, 62u, 63u, 64u, 65u, 1'000'000u, UINT32_MAX}) {
    for (const uint64_t random : {uint64_t{0}, UINT64_MAX, uint64_t{29'899'999'999}}) {
      const Duration pause = retry.pause(failures, kNoWish, random);
      EXPECT_GE(pause, 100_ms);
      EXPECT_LE(pause, 30_s);
    }
  }
}

TEST(Retry, SNK_7_BelievesARetryAfterWithinItsLimits) {
  const Retry retry = default_retry();
  Jitter jitter(1);
  for (int i = 0; i < 1000; ++i) {
    const uint64_t random = jitter.next();
    const Duration five = retry.pause(1, 5_s, random);
    EXPECT_GE(five, 5_s) << "never earlier than asked for";
    EXPECT_LE(five, 5500_ms);
    const Duration above_cap = retry.pause(1, 120_s, random);
    EXPECT_GE(above_cap, 120_s) << "it may exceed max_delay";
    EXPECT_LE(above_cap, 132_s);
    EXPECT_EQ(retry.pause(9, 1'000'000'000_s, random), Retry::kRetryAfterMax);
    EXPECT_EQ(retry.pause(9, Duration::max(), random), Retry::kRetryAfterMax);
    EXPECT_GE(retry.pause(1, 1_ns, random), 100_ms) << "never under min_delay";
  }
}

TEST(Retry, SNK_7_TakesARetryAfterOfZeroForNoWishAndGoesOnBackingOff) {
  const Retry retry = default_retry();
  for (uint64_t random = 0; random < 100; ++random) {
    EXPECT_EQ(retry.pause(8, 0_s, random << 40), retry.pause(8, kNoWish, random << 40));
  }
}

TEST(Retry, LetsALongerMaxDelayRaiseTheLimitOfRetryAfter) {
  const Retry retry(1_s, 3600_s);
  EXPECT_EQ(retry.pause(1, 100'000_s, 7), 3600_s);
}

TEST(Retry, HoldsCloseToTheCapFromTheFirstTimeOn) {
  const Retry retry = default_retry();
  Jitter jitter(2);
  std::set<int64_t> pauses;
  for (int i = 0; i < 1000; ++i) {
    const Duration pause = retry.hold(kNoWish, jitter.next());
    EXPECT_GE(pause, 27_s);
    EXPECT_LE(pause, 30_s);
    pauses.insert(pause.value);
  }
  EXPECT_GT(pauses.size(), 900u);
  EXPECT_GE(retry.hold(60_s, 5), 60_s);
  EXPECT_GE(retry.hold(29500_ms, 0), 29500_ms) << "a wish just under the cap counts too";
  EXPECT_LE(retry.hold(1_s, 5), 30_s);
  EXPECT_GE(retry.hold(1_s, 5), 27_s) << "a hold is not cut short by a small wish";
}

TEST(Retry, WorksWhenBothDelaysAreTheSame) {
  const Retry retry(1_ns, 1_ns);
  EXPECT_EQ(retry.pause(1, kNoWish, 99), 1_ns);
  EXPECT_EQ(retry.hold(kNoWish, 99), 1_ns);
}

TEST(Retry, CountsAttemptsUpToTheTopAndNotOver) {
  EXPECT_EQ(next_attempt(0), 1u);
  EXPECT_EQ(next_attempt(UINT32_MAX - 1), UINT32_MAX);
  EXPECT_EQ(next_attempt(UINT32_MAX), UINT32_MAX);
}

TEST(Jitter, IsTheSameForTheSameSeedAndAnotherForAnother) {
  Jitter one(42);
  Jitter two(42);
  Jitter other(43);
  std::set<uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t value = one.next();
    EXPECT_EQ(value, two.next());
    seen.insert(value);
    seen.insert(other.next());
  }
  EXPECT_EQ(seen.size(), 2000u);
}

}  // namespace
}  // namespace sluice

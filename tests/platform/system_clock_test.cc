// SPDX-License-Identifier: Apache-2.0
#include "platform/system_clock.h"

#include <gtest/gtest.h>

#include <chrono>

namespace sluice {
namespace {

TEST(SystemClock, MonotonicTimeNeverGoesBackAndAdvances) {
  SystemClock clock;
  const MonoTime first = clock.mono();
  MonoTime last = first;
  while (last - first < Duration(1'000'000)) {
    const MonoTime now = clock.mono();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(SystemClock, WallTimeCountsFromTheEpochOf1970) {
  SystemClock clock;
  const auto expected = std::chrono::duration_cast<std::chrono::nanoseconds>(
                            std::chrono::system_clock::now().time_since_epoch())
                            .count();
  EXPECT_NEAR(static_cast<double>(clock.wall().value), static_cast<double>(expected), 1e9);
}

}  // namespace
}  // namespace sluice

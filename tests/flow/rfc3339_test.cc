// SPDX-License-Identifier: Apache-2.0
#include "flow/encode/rfc3339.h"

#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <random>
#include <string>

#include "sluice/units.h"

namespace sluice {
namespace {

std::string text_of(int64_t nanoseconds) {
  uint8_t out[kRfc3339Bytes];
  EXPECT_EQ(write_rfc3339(WallTime(nanoseconds), out), out + kRfc3339Bytes);
  return {reinterpret_cast<const char*>(out), sizeof out};
}

// The C library, which is slow and right.
std::string reference_text_of(int64_t nanoseconds) {
  constexpr int64_t kNanos = 1'000'000'000;
  int64_t fraction = nanoseconds % kNanos;
  time_t seconds = nanoseconds / kNanos;
  if (fraction < 0) {
    fraction += kNanos;
    --seconds;
  }
  struct tm parts {};
  EXPECT_NE(gmtime_r(&seconds, &parts), nullptr);
  char text[64];
  const size_t size = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::string digits = std::to_string(fraction);
  digits.insert(0, 9 - digits.size(), '0');
  return std::string(text, size) + "." + digits + "Z";
}

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kDay = 86'400 * kSecond;

TEST(Rfc3339, WritesUtcWithNineDigitsOfFraction) {
  EXPECT_EQ(text_of(1795367417 * kSecond + 123456789), "2026-11-22T17:10:17.123456789Z");
  EXPECT_EQ(text_of(0), "1970-01-01T00:00:00.000000000Z");
  EXPECT_EQ(text_of(-1), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(text_of(951'782'400 * kSecond), "2000-02-29T00:00:00.000000000Z");
  EXPECT_EQ(text_of(4'107'542'400 * kSecond), "2100-03-01T00:00:00.000000000Z");
}

TEST(Rfc3339, TheEndsOfTheTimeLineAreWritten) {
  EXPECT_EQ(text_of(INT64_MAX), "2262-04-11T23:47:16.854775807Z");
  EXPECT_EQ(text_of(INT64_MIN), "1677-09-21T00:12:43.145224192Z");
}

TEST(Rfc3339, EveryDayOfTwoCenturiesAgreesWithTheCLibrary) {
  for (int64_t day = -36'525; day < 40'000; ++day) {
    const int64_t time = day * kDay + (day & 7) * 1'234'567'890'123;
    ASSERT_EQ(text_of(time), reference_text_of(time)) << day;
  }
}

TEST(Rfc3339, RandomTimesAgreeWithTheCLibrary) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 100'000; ++round) {
    const auto time = static_cast<int64_t>(random());
    ASSERT_EQ(text_of(time), reference_text_of(time)) << time;
  }
}

}  // namespace
}  // namespace sluice

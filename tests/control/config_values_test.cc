// SPDX-License-Identifier: Apache-2.0
#include "control/config_values.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace sluice {
namespace {

using Samples = std::vector<std::pair<std::string, int64_t>>;

TEST(Durations, AreReadAsPeopleWriteThem) {
  const Samples samples = {{"0", 0},
                           {"500ms", 500'000'000},
                           {"2s", 2'000'000'000},
                           {"1m30s", 90'000'000'000},
                           {"1h", 3'600'000'000'000},
                           {"1.5h", 5'400'000'000'000},
                           {"2d", 172'800'000'000'000},
                           {"7ns", 7},
                           {"3us", 3'000},
                           {"3\xC2\xB5s", 3'000},
                           {" 10S ", 10'000'000'000},
                           {"0.000000001s", 1},
                           {"9223372036854775807ns", INT64_MAX}};
  for (const auto& [text, want] : samples) {
    const Parsed<Duration> parsed = parse_duration(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(parsed.value->value, want) << text;
  }
}

TEST(Durations, ThatAreNotClearAreRefused) {
  for (const std::string text : {"",
                                 " ",
                                 "30",
                                 "s",
                                 "-1s",
                                 "+1s",
                                 "1 0s",
                                 "1s2",
                                 "1x",
                                 "1.s",
                                 ".5s",
                                 "1..5s",
                                 "1e3s",
                                 "9223372036854775808ns",
                                 "300y",
                                 "99999999999999999999s",
                                 "200000d",
                                 "106751d106751d",
                                 "0.0000000001s",
                                 "1s,2s"})
    EXPECT_FALSE(parse_duration(text).ok()) << "'" << text << "'";
  EXPECT_NE(parse_duration("30").expected.find("a unit is missing"), std::string::npos);
}

TEST(Durations, AreWrittenSoThatTheyReadBackEqual) {
  for (const int64_t value :
       {int64_t{0}, int64_t{1}, int64_t{200'000'000}, int64_t{90'000'000'000}, INT64_MAX}) {
    const std::string text = format_duration(Duration(value));
    EXPECT_EQ(parse_duration(text).value.value().value, value) << text;
  }
  EXPECT_EQ(format_duration(Duration(90'000'000'000)), "1m30s");
  EXPECT_EQ(format_duration(Duration(200'000'000)), "200ms");
}

TEST(Sizes, AreReadAsPeopleWriteThem) {
  const Samples samples = {{"0", 0},
                           {"65536", 65536},
                           {"1b", 1},
                           {"512k", 512 << 10},
                           {"512K", 512 << 10},
                           {"512KiB", 512 << 10},
                           {"512KB", 512'000},
                           {"64MiB", 64 << 20},
                           {"64 MiB", 64 << 20},
                           {"64m", 64 << 20},
                           {"10MB", 10'000'000},
                           {"1.5MiB", 3 << 19},
                           {"2g", int64_t{2} << 30},
                           {"1tb", 1'000'000'000'000},
                           {"9223372036854775807", INT64_MAX}};
  for (const auto& [text, want] : samples) {
    const Parsed<Bytes> parsed = parse_bytes(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(parsed.value->value, want) << text;
  }
}

TEST(Sizes, ThatAreNotClearAreRefused) {
  for (const std::string text : {"", "MiB", "-1", "1 2", "1kk", "1MiBs", "9223372036854775808",
                                 "8388608TiB", "0x10", "1,5M", "0.5"})
    EXPECT_FALSE(parse_bytes(text).ok()) << "'" << text << "'";
}

TEST(Sizes, AreWrittenSoThatTheyReadBackEqual) {
  for (const int64_t value : {int64_t{0}, int64_t{1}, int64_t{1023}, int64_t{1024}, int64_t{1000},
                              int64_t{10'000'000}, int64_t{64} << 20, INT64_MAX}) {
    const std::string text = format_bytes(Bytes(value));
    EXPECT_EQ(parse_bytes(text).value.value().value, value) << text;
  }
  EXPECT_EQ(format_bytes(Bytes(64 << 20)), "64MiB");
  EXPECT_EQ(format_bytes(Bytes(10'000'000)), "10MB");
}

TEST(Counts, TakeThousandsAndMillions) {
  EXPECT_EQ(parse_count("100").value, 100);
  EXPECT_EQ(parse_count("10k").value, 10'000);
  EXPECT_EQ(parse_count("2M").value, 2'000'000);
  EXPECT_EQ(parse_count("0.5k").value, 500);
  for (const std::string text : {"", "many", "-1", "1x", "10ki", "0.5", "1.5"})
    EXPECT_FALSE(parse_count(text).ok()) << text;
}

TEST(Rates, ArePerSecondWithABurstOfOneSecondUnlessGiven) {
  EXPECT_EQ(*parse_rate("10MB/s", RateUnit::kBytes).value, (RateLimit{10'000'000, 10'000'000}));
  EXPECT_EQ(*parse_rate("10MB", RateUnit::kBytes).value, (RateLimit{10'000'000, 10'000'000}));
  EXPECT_EQ(*parse_rate("10MB/s burst 20MB", RateUnit::kBytes).value,
            (RateLimit{10'000'000, 20'000'000}));
  EXPECT_EQ(*parse_rate("1000/s", RateUnit::kCount).value, (RateLimit{1000, 1000}));
  EXPECT_EQ(*parse_rate("600/min", RateUnit::kCount).value, (RateLimit{10, 10}));
  EXPECT_EQ(*parse_rate("1k / second burst 5k", RateUnit::kCount).value, (RateLimit{1000, 5000}));
  EXPECT_FALSE(parse_rate("off", RateUnit::kBytes).value->on());
  EXPECT_FALSE(parse_rate("0", RateUnit::kBytes).value->on());
  EXPECT_FALSE(parse_rate("0/s", RateUnit::kBytes).value->on());
}

TEST(Rates, ThatAreNotClearAreRefused) {
  for (const std::string text : {"", "fast", "10MB/", "10MB/day", "10MB/s burst", "10MB/s burst 0",
                                 "10MB/s burst x", "/s", "-1/s", "1MB/s/s", "0.5/s"})
    EXPECT_FALSE(parse_rate(text, RateUnit::kBytes).ok()) << "'" << text << "'";
  EXPECT_FALSE(parse_rate("10MB/s", RateUnit::kCount).ok());
  EXPECT_FALSE(parse_rate("30/min", RateUnit::kCount).ok()) << "less than one per second";
}

TEST(Rates, AreWrittenSoThatTheyReadBackEqual) {
  for (const RateLimit rate : {RateLimit{}, RateLimit{1, 1}, RateLimit{10'000'000, 20'000'000}})
    for (const RateUnit unit : {RateUnit::kBytes, RateUnit::kCount})
      EXPECT_EQ(*parse_rate(format_rate(rate, unit), unit).value, rate);
}

TEST(Booleans, TakeTheUsualWords) {
  for (const std::string text : {"true", "YES", "on", "1"}) EXPECT_EQ(parse_bool(text).value, true);
  for (const std::string text : {"false", "No", "off", "0"})
    EXPECT_EQ(parse_bool(text).value, false);
  for (const std::string text : {"", "2", "y es", "enabled"}) EXPECT_FALSE(parse_bool(text).ok());
}

TEST(Levels, AreAWordOrANumber) {
  using Mode = CompressionLevel::Mode;
  EXPECT_EQ(parse_level("auto").value->mode, Mode::kAuto);
  EXPECT_EQ(parse_level("Fast").value->mode, Mode::kFast);
  EXPECT_EQ(*parse_level("6").value, (CompressionLevel{Mode::kFixed, 6}));
  for (const std::string text : {"", "0", "20", "best", "-1"}) EXPECT_FALSE(parse_level(text).ok());
  for (const std::string text : {"auto", "fast", "7"})
    EXPECT_EQ(format_level(*parse_level(text).value), text);
}

TEST(Addresses, NameAPortAndPerhapsAHost) {
  EXPECT_EQ(**parse_address("127.0.0.1:9686").value, (ListenAddress{"127.0.0.1", 9686}));
  EXPECT_EQ(**parse_address("[::1]:80").value, (ListenAddress{"::1", 80}));
  EXPECT_EQ(**parse_address(":9686").value, (ListenAddress{"0.0.0.0", 9686}));
  EXPECT_EQ(**parse_address("9686").value, (ListenAddress{"127.0.0.1", 9686}));
  EXPECT_FALSE(parse_address("off").value->has_value());
  for (const std::string text : {"", "localhost", "a:b", "::1:80", "h:65536", "h:-1", "h/x:1"})
    EXPECT_FALSE(parse_address(text).ok()) << text;
  for (const std::string text : {"off", "[::1]:80", "127.0.0.1:0"})
    EXPECT_EQ(format_address(*parse_address(text).value), text);
}

}  // namespace
}  // namespace sluice

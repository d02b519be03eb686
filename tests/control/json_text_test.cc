// SPDX-License-Identifier: Apache-2.0
#include "control/json_text.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>

namespace sluice {
namespace {

std::string json(std::string_view bytes) {
  std::string out;
  append_json_string(out, bytes);
  return out;
}

std::string safe(std::string_view bytes) {
  std::string out;
  append_terminal_safe(out, bytes);
  return out;
}

// What an independent parser makes of it.
std::string parsed(const std::string& text) {
  simdjson::dom::parser parser;
  std::string_view value;
  EXPECT_EQ(parser.parse(text).get(value), simdjson::SUCCESS) << text;
  return std::string(value);
}

TEST(JsonText, SurvivesEveryByteAndEveryPairOfBytes) {
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const char pair[] = {static_cast<char>(a), static_cast<char>(b)};
      const std::string value = parsed(json(std::string_view(pair, 2)));
      if (a < 0x80 && b < 0x80) {
        EXPECT_EQ(value, std::string(pair, 2));
      }
    }
  }
}

TEST(JsonText, KeepsValidTextAndReplacesTheRest) {
  EXPECT_EQ(parsed(json("caf\xc3\xa9 \xf0\x9f\x8c\x8a")), "caf\xc3\xa9 \xf0\x9f\x8c\x8a");
  EXPECT_EQ(parsed(json("\xed\xa0\x80")), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // surrogate
  EXPECT_EQ(parsed(json("\xc0\xaf")), "\xef\xbf\xbd\xef\xbf\xbd");                  // overlong
  EXPECT_EQ(parsed(json("\xe2\x82")), "\xef\xbf\xbd\xef\xbf\xbd");                  // cut
  EXPECT_EQ(parsed(json("\xf4\x90\x80\x80z")).back(), 'z');
}

TEST(JsonText, MakesValidUtf8OfRandomBytes) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 40, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    std::string clean;
    append_utf8(clean, bytes);
    EXPECT_TRUE(simdjson::validate_utf8(clean));
    EXPECT_EQ(parsed(json(bytes)), clean);
    if (simdjson::validate_utf8(bytes)) {
      EXPECT_EQ(clean, bytes);
    }
  }
}

TEST(JsonText, LetsNoControlReachATerminal) {
  EXPECT_EQ(safe("a\nb\tc\\d\x1b[2J\x7f"), "a\\nb\\tc\\\\d\\x1b[2J\\x7f");
  EXPECT_EQ(safe("\xc2\x9b"
                 "31m"),
            "\\xc2\\x9b31m");
  EXPECT_EQ(safe("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(safe("caf\xc3\xa9"), "caf\xc3\xa9");
}

}  // namespace
}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "flow/encode/escape.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "guarded_buffer.h"
#include "simd_targets.h"

namespace sluice {
namespace {

using namespace std::string_literals;

struct Escaped {
  std::string text;
  uint64_t replaced = 0;
  bool operator==(const Escaped&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Escaped& escaped) {
  return out << testing::PrintToString(escaped.text) << " replaced " << escaped.replaced;
}

template <class Kernel>
Escaped run(Kernel kernel, const uint8_t* line, size_t size) {
  constexpr uint8_t kCanary = 0xA5;
  std::vector<uint8_t> out(escape_bound(size) + 1, kCanary);
  EscapeCounts counts;
  uint8_t* const end = kernel(line, size, out.data(), &counts);
  EXPECT_LE(end, out.data() + 6 * size);
  EXPECT_EQ(out.back(), kCanary) << "wrote behind escape_bound(" << size << ")";
  return {{out.data(), end}, counts.replaced};
}
Escaped escape(std::string_view line) {
  return run(escape_json, reinterpret_cast<const uint8_t*>(line.data()), line.size());
}
Escaped escape_scalar(std::string_view line) {
  return run(escape_json_scalar, reinterpret_cast<const uint8_t*>(line.data()), line.size());
}

TEST(Escape, QuotesBackslashesAndControlBytesAreEscapedAndTheRestIsCopied) {
  for_each_simd_target([] {
    EXPECT_EQ(escape("say \"hi\" to C:\\dir"), (Escaped{R"(say \"hi\" to C:\\dir)"}));
    EXPECT_EQ(escape("a\tb\nc\rd\be\ff"), (Escaped{R"(a\tb\nc\rd\be\ff)"}));
    EXPECT_EQ(escape("\0\x01\x1f\x1b[31mred"s), (Escaped{R"(\u0000\u0001\u001f\u001b[31mred)"}));
    EXPECT_EQ(escape("\x7f/ \xC3\xA4"s), (Escaped{"\x7f/ \xC3\xA4"}));
    EXPECT_EQ(escape(""), (Escaped{""}));
  });
}

struct Utf8Case {
  const char* name;
  std::string bytes;
  std::string expected;
  uint64_t replaced;
};

// R is U+FFFD. Expectations follow the WHATWG decoder and Unicode 15 table 3-8.
#define R "\xEF\xBF\xBD"
const std::vector<Utf8Case>& utf8_cases() {
  static const std::vector<Utf8Case> cases = {
      {"a lone continuation byte", "a\x80z", "a" R "z", 1},
      {"several lone continuation bytes", "\x80\xBF\x80", R R R, 3},
      {"an overlong slash of two bytes", "\xC0\xAF", R R, 2},
      {"an overlong NUL of two bytes", "\xC1\x80", R R, 2},
      {"an overlong form of three bytes", "\xE0\x80\xAF", R R R, 3},
      {"the highest overlong form of three bytes", "\xE0\x9F\xBF", R R R, 3},
      {"an overlong form of four bytes", "\xF0\x80\x80\xAF", R R R R, 4},
      {"the first surrogate", "\xED\xA0\x80", R R R, 3},
      {"the last surrogate", "\xED\xBF\xBF", R R R, 3},
      {"a surrogate pair (CESU-8)", "\xED\xA0\xBD\xED\xB8\x80", R R R R R R, 6},
      {"the first value above U+10FFFF", "\xF4\x90\x80\x80", R R R R, 4},
      {"leads above F4", "\xF5\xF8\xFC\xFE\xFF", R R R R R, 5},
      {"a two-byte form cut at the end", "x\xC3", "x" R, 1},
      {"a three-byte form cut after one at the end", "x\xE2", "x" R, 1},
      {"a three-byte form cut after two at the end", "x\xE2\x82", "x" R, 1},
      {"a four-byte form cut after three at the end", "x\xF0\x9F\x98", "x" R, 1},
      {"a four-byte form cut after two, then a quote", "\xF0\x9F\"", R "\\\"", 1},
      {"a three-byte form cut by a new lead", "\xE2\x82\xE2\x82\xAC", R "\xE2\x82\xAC", 1},
      {"a two-byte form cut by a control byte", "\xC3\n", R "\\n", 1},
      {"Latin-1 text",
       "Stra\xDF"
       "e f\xFCr",
       "Stra" R "e f" R "r", 2},
      {"the table 3-8 example", "\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", R R R R "A", 4},
      {"the limits of each valid length",
       "\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F"
       "\xBF"
       "\xBF",
       "\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F"
       "\xBF"
       "\xBF",
       0},
      {"a replacement character in the input is not counted", R, R, 0},
  };
  return cases;
}
#undef R

TEST(Escape, EachMaximalInvalidPartOfUtf8BecomesOneCountedReplacementWhereverItStands) {
  for_each_simd_target([] {
    for (const Utf8Case& utf8 : utf8_cases()) {
      SCOPED_TRACE(utf8.name);
      for (size_t before = 0; before < 70; ++before) {
        const std::string padding(before, 'p');
        ASSERT_EQ(escape(padding + utf8.bytes), (Escaped{padding + utf8.expected, utf8.replaced}));
        ASSERT_EQ(escape_scalar(padding + utf8.bytes),
                  (Escaped{padding + utf8.expected, utf8.replaced}));
      }
    }
  });
}

TEST(Escape, AllPairsOfBytesAgreeWithTheScalarTwin) {
  for_each_simd_target([] {
    for (unsigned pair = 0; pair < 65536; ++pair) {
      const std::string two = {static_cast<char>(pair >> 8), static_cast<char>(pair & 255)};
      ASSERT_EQ(escape(two), escape_scalar(two)) << pair;
      const std::string among = "0123456789abcde" + two + "0123456789abcdef0123456789";
      ASSERT_EQ(escape(among), escape_scalar(among)) << pair;
    }
  });
}

// Bytes in the mixture that makes each path run: mostly plain, some to escape, few high.
void fill(std::mt19937& random, uint8_t* data, size_t size) {
  const auto mixture = static_cast<unsigned>(random() % 6);
  for (size_t i = 0; i < size; ++i) {
    const auto any = static_cast<uint8_t>(random());
    const auto plain = static_cast<uint8_t>(0x20 + any % 0x5F);
    const uint8_t escapes[] = {'"', '\\', '\n', '\t', 0x1b, 0};
    switch (mixture) {
      case 0:
        data[i] = any;
        break;
      case 1:
        data[i] = plain;
        break;
      case 2:
        data[i] = any % 4 == 0 ? uint8_t{'"'} : plain;
        break;
      case 3:
        data[i] = any % 8 == 0 ? escapes[random() % 6] : plain;
        break;
      case 4:
        data[i] = escapes[random() % 6];
        break;
      default:
        data[i] = any % 16 == 0 ? static_cast<uint8_t>(0x80 | random()) : plain;
        break;
    }
  }
}

TEST(Escape, EveryKernelAgreesWithTheScalarTwinAtEveryAlignmentAndSizeBetweenGuardPages) {
  GuardedBuffer buffer(4096);
  for_each_simd_target([&] {
    std::mt19937 random(20261122);
    for (size_t size = 0; size <= 300; ++size) {
      for (int round = 0; round < 6; ++round) {
        uint8_t* const at_end = buffer.last(size);
        fill(random, at_end, size);
        ASSERT_EQ(run(escape_json, at_end, size), run(escape_json_scalar, at_end, size)) << size;
      }
      for (size_t alignment = 0; alignment < 128; ++alignment) {
        uint8_t* const line = buffer.first() + alignment;
        fill(random, line, size);
        ASSERT_EQ(run(escape_json, line, size), run(escape_json_scalar, line, size))
            << size << " " << alignment;
      }
    }
  });
}

TEST(Escape, AnyBytesBecomeValidJsonThatReadsBackAsTheSameTextWhenTheInputWasValid) {
  simdjson::dom::parser parser;
  for_each_simd_target([&] {
    std::mt19937 random(4);
    for (int round = 0; round < 2000; ++round) {
      std::string line(random() % 400, '\0');
      fill(random, reinterpret_cast<uint8_t*>(line.data()), line.size());
      const Escaped escaped = escape(line);
      std::string_view back;
      const std::string json = "\"" + escaped.text + "\"";
      ASSERT_EQ(parser.parse(json).get(back), simdjson::SUCCESS) << testing::PrintToString(line);
      if (simdjson::validate_utf8(line)) {
        ASSERT_EQ(escaped.replaced, 0u);
        ASSERT_EQ(back, line);
      } else {
        ASSERT_GT(escaped.replaced, 0u);
      }
    }
  });
}

TEST(Escape, TheLongestEscapeStaysWithinTheBound) {
  for_each_simd_target([] {
    for (size_t size = 0; size < 300; ++size) {
      const std::string zeros(size, '\0');
      ASSERT_EQ(escape(zeros).text.size(), 6 * size);
    }
  });
}

TEST(Escape, CountsAddUpOverLines) {
  EscapeCounts counts;
  uint8_t out[256];
  const uint8_t line[] = {'a', 0xFF, 0xFE};
  escape_json(line, sizeof line, out, &counts);
  escape_json(line, sizeof line, out, &counts);
  EXPECT_EQ(counts.replaced, 4u);
}

}  // namespace
}  // namespace sluice

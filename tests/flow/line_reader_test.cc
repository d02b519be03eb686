// SPDX-License-Identifier: Apache-2.0
#include "flow/split/line_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "flow/encode/json_encoder.h"
#include "flow/split/decode_text.h"

namespace sluice {
namespace {

std::span<const uint8_t> bytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string decoded(Decoded (*decode)(std::span<const uint8_t>, uint8_t*), const std::string& in) {
  std::string out(decoded_bound(in.size()), '\0');
  auto* const begin = reinterpret_cast<uint8_t*>(out.data());
  out.resize(static_cast<size_t>(decode(bytes(in), begin).end - begin));
  return out;
}

std::string put(char32_t point) {
  std::string out;
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += {static_cast<char>(0xC0 | point >> 6), static_cast<char>(0x80 | (point & 0x3F))};
  } else if (point < 0x10000) {
    out += {static_cast<char>(0xE0 | point >> 12), static_cast<char>(0x80 | (point >> 6 & 0x3F)),
            static_cast<char>(0x80 | (point & 0x3F))};
  } else {
    out +=
        {static_cast<char>(0xF0 | point >> 18), static_cast<char>(0x80 | (point >> 12 & 0x3F)),
         static_cast<char>(0x80 | (point >> 6 & 0x3F)), static_cast<char>(0x80 | (point & 0x3F))};
  }
  return out;
}

TEST(DecodeText, EveryCodePointOfUtf16ComesBackAsUtf8InBothOrders) {
  for (char32_t point = 0; point <= 0x10FFFF; point += point < 0x11000 ? 1 : 251) {
    if (point >= 0xD800 && point <= 0xDFFF) continue;
    std::string little, big;
    const auto add = [&](char32_t unit) {
      little += {static_cast<char>(unit & 0xFF), static_cast<char>(unit >> 8)};
      big += {static_cast<char>(unit >> 8), static_cast<char>(unit & 0xFF)};
    };
    if (point < 0x10000) {
      add(point);
    } else {
      add(0xD800 + ((point - 0x10000) >> 10));
      add(0xDC00 + ((point - 0x10000) & 0x3FF));
    }
    std::string out(64, '\0');
    auto* const begin = reinterpret_cast<uint8_t*>(out.data());
    for (const bool is_little : {true, false}) {
      const Decoded done = decode_utf16(bytes(is_little ? little : big), is_little, begin);
      ASSERT_EQ(std::string(out.data(), static_cast<size_t>(done.end - begin)), put(point))
          << static_cast<uint32_t>(point);
      ASSERT_EQ(done.replaced, 0U);
    }
  }
}

TEST(DecodeText, EveryEscapeOfAJsonStringIsUndone) {
  EXPECT_EQ(decoded(decode_json_string, R"(\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83c\uDF0A)"),
            "\"\\/\b\f\n\r\tA\u00E9\u20AC\U0001F30A");
  EXPECT_EQ(decoded(decode_json_string, R"(\ud83c!\udf0a\ud83c\u0041)"),
            "\uFFFD!\uFFFD\uFFFD\u0041");
}

// A list that does not fit its limits goes on where it ended.
TEST(LineReader, ListsAreBoundedAndTogetherAreAllRecords) {
  std::string text;
  std::vector<uint32_t> ends;
  for (int i = 0; i < 1'000; ++i) {
    text += "2026-11-22T20:17:43Z stdout F " + std::to_string(i) + "\n";
    ends.push_back(static_cast<uint32_t>(text.size()));
  }
  TailOrigin origin;
  origin.form.format = LineFormat::kCri;
  LineBlock block;
  block.origin = &origin;
  block.bytes = bytes(text).data();
  block.line_ends = ends.data();
  block.line_count = static_cast<uint32_t>(ends.size());
  LineReader reader(1'000);
  for (const uint32_t most : {1U, 7U, 100'000U}) {
    int seen = 0;
    for (uint32_t next = 0; next < block.line_count;) {
      const auto list = reader.read(block, next, most);
      ASSERT_LE(list.records.size(), most);
      ASSERT_FALSE(list.records.empty());
      for (const TextRecord& record : list.records) {
        ASSERT_EQ(std::string(reinterpret_cast<const char*>(record.text), record.size),
                  std::to_string(seen));
        ASSERT_EQ(record.offset, block.offset_of(static_cast<uint32_t>(seen)));
        ++seen;
      }
      next = list.next_line;
    }
    EXPECT_EQ(seen, 1'000);
  }
}

TEST(LineReader, AWorstLineOfEveryFormFitsTheBodyThatTheEncoderAsksFor) {
  constexpr size_t kMax = 3'000;
  for (const LineForm form : {LineForm{LineFormat::kText, TextEncoding::kUtf16Le},
                              LineForm{LineFormat::kText, TextEncoding::kLatin1},
                              LineForm{LineFormat::kCri, TextEncoding::kUtf8}}) {
    TailOrigin origin;
    origin.form = form;
    origin.path = std::string(500, '\x01');
    std::string text;
    if (form.is_container()) {
      text = "2026-11-22T20:17:43Z stdout P x\n";
      for (int i = 0; i < 6; ++i) text += "2026-11-22T20:17:43Z stderr F y\n";
      text += "2026-11-22T20:17:43Z stdout F ";
      text += std::string(kMax - text.size(), '\x01');
    } else {
      while (text.size() < kMax) text += form.is_utf16() ? std::string("\x01\0", 2) : "\xE9";
    }
    text += form.is_utf16() ? std::string("\n\0", 2) : "\n";
    const std::vector<uint32_t> ends = {static_cast<uint32_t>(text.size())};
    LineBlock block;
    block.origin = &origin;
    block.bytes = bytes(text).data();
    block.line_ends = ends.data();
    block.line_count = 1;
    LineReader reader(kMax);
    JsonEncoder encoder(JsonEncoder::Options{Framing::kJson, true, true});
    const size_t limit = 100;
    std::vector<uint8_t> memory(limit + encoder.worst_line_bytes(kMax, origin));
    BodyBuffer body{memory.data(), limit - 2, limit, memory.size()};
    const auto list = reader.read(block, 0, UINT32_MAX);
    EXPECT_EQ(encoder.encode_records(block, list.records, body).next_line, 0U) << "too much";
    EXPECT_EQ(body.size, limit - 2);
    body.size = 0;
    EXPECT_EQ(encoder.encode_records(block, list.records, body).next_line, 1U);
  }
}

}  // namespace
}  // namespace sluice

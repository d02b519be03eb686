// SPDX-License-Identifier: Apache-2.0
#include "flow/encode/json_encoder.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "flow/encode/record_id.h"
#include "simd_targets.h"

namespace sluice {
namespace {

using namespace std::string_literals;

// A block over text, cut at its newlines; the rest behind the last one is a last line.
class TextBlock {
 public:
  explicit TextBlock(std::string text) : text_(std::move(text)) {
    origin.host = "web-01";
    origin.path = "/var/log/app.log";
    origin.id_seed = {0x1111, 0x2222};
    for (size_t i = 0; i < text_.size(); ++i) {
      if (text_[i] == '\n' || i + 1 == text_.size()) {
        ends_.push_back(static_cast<uint32_t>(i + 1));
      }
    }
    block.origin = &origin;
    block.bytes = reinterpret_cast<const uint8_t*>(text_.data());
    block.line_ends = ends_.data();
    block.line_count = static_cast<uint32_t>(ends_.size());
    block.first_offset = FileOffset(1000);
    block.read_at = WallTime(1'795'367'417'123'456'789);
  }
  TextBlock(const TextBlock&) = delete;
  TextBlock& operator=(const TextBlock&) = delete;

  TailOrigin origin;
  LineBlock block;

 private:
  std::string text_;
  std::vector<uint32_t> ends_;
};

// A body in memory whose last bytes are watched.
class WatchedBody {
 public:
  WatchedBody(const Encoder& encoder, const TailOrigin& origin, size_t line_bytes_max,
              size_t soft_limit = 1 << 20)
      : memory_(soft_limit + encoder.worst_line_bytes(line_bytes_max, origin) + kCanaryBytes,
                kCanary) {
    buffer.data = memory_.data();
    buffer.soft_limit = soft_limit;
    buffer.capacity = memory_.size() - kCanaryBytes;
  }
  ~WatchedBody() {
    for (size_t i = buffer.capacity; i < memory_.size(); ++i) EXPECT_EQ(memory_[i], kCanary);
  }
  std::string text() const { return {memory_.data(), memory_.data() + buffer.size}; }

  BodyBuffer buffer;

 private:
  static constexpr size_t kCanaryBytes = 64;
  static constexpr uint8_t kCanary = 0xA5;
  std::vector<uint8_t> memory_;
};

std::string whole_body(JsonEncoder& encoder, const TextBlock& text) {
  WatchedBody body(encoder, text.origin, text.block.size());
  const EncodeStep step = encoder.encode(text.block, 0, UINT32_MAX, body.buffer);
  EXPECT_EQ(step.next_line, text.block.line_count);
  encoder.finish(body.buffer);
  return body.text();
}

constexpr JsonEncoder::Options kArray{Framing::kJson, false, false};
constexpr JsonEncoder::Options kNdjson{Framing::kNdjson, false, false};

const std::string kStart =
    R"({"timestamp":"2026-11-22T17:10:17.123456789Z","host":"web-01","path":"/var/log/app.log",)";

TEST(JsonEncoder, AnArrayHoldsOneRecordPerLineInOrder) {
  for_each_simd_target([] {
    JsonEncoder encoder(kArray);
    const TextBlock text("first\n\nsay \"hi\"\n");
    EXPECT_EQ(whole_body(encoder, text), "[" + kStart + R"("line":"first"},)" + kStart +
                                             R"("line":""},)" + kStart +
                                             R"("line":"say \"hi\""}])");
    EXPECT_EQ(encoder.content_type(), "application/json");
  });
}

TEST(JsonEncoder, NdjsonEndsEveryRecordWithANewline) {
  for_each_simd_target([] {
    JsonEncoder encoder(kNdjson);
    const TextBlock text("first\nsecond\n");
    EXPECT_EQ(whole_body(encoder, text),
              kStart + "\"line\":\"first\"}\n" + kStart + "\"line\":\"second\"}\n");
    EXPECT_EQ(encoder.content_type(), "application/x-ndjson");
  });
}

TEST(JsonEncoder, OffsetAndIdFollowTheLineWhenAskedFor) {
  JsonEncoder encoder({Framing::kNdjson, true, true});
  const TextBlock text("first\nsecond\n");
  uint8_t id[2 * kRecordIdBytes];
  write_record_id(record_id(text.origin.id_seed, FileOffset(1000)), id);
  write_record_id(record_id(text.origin.id_seed, FileOffset(1006)), id + kRecordIdBytes);
  const std::string ids(id, id + sizeof id);
  EXPECT_EQ(whole_body(encoder, text),
            kStart + R"("line":"first","offset":1000,"id":")" + ids.substr(0, 32) + "\"}\n" +
                kStart + R"("line":"second","offset":1006,"id":")" + ids.substr(32) + "\"}\n");
}

TEST(JsonEncoder, LabelsAreTopLevelStringsAndCannotReplaceTheRecordsOwnKeys) {
  JsonEncoder encoder(kNdjson);
  TextBlock text("x\n");
  text.origin.labels = {{"service", "api \"v2\""}, {"line", "forged"}, {"we\"ird", "\xFF"}};
  EXPECT_EQ(whole_body(encoder, text), kStart + R"("service":"api \"v2\"","we\"ird":")" +
                                           "\xEF\xBF\xBD" + "\",\"line\":\"x\"}\n");
}

TEST(JsonEncoder, ACarriageReturnBeforeTheNewlineGoesOnlyIfAsked) {
  JsonEncoder encoder(kNdjson);
  TextBlock text("dos\r\nin\rside\n\r\nrest\r");
  text.origin.strip_cr = true;
  EXPECT_EQ(whole_body(encoder, text), kStart + "\"line\":\"dos\"}\n" + kStart +
                                           "\"line\":\"in\\rside\"}\n" + kStart +
                                           "\"line\":\"\"}\n" + kStart + "\"line\":\"rest\\r\"}\n");
  text.origin.strip_cr = false;
  EXPECT_NE(whole_body(encoder, text).find(R"("line":"dos\r")"), std::string::npos);
}

TEST(JsonEncoder, EveryPieceOfASplitLineIsMarkedPartial) {
  JsonEncoder encoder(kNdjson);
  TextBlock first("piece one");
  first.block.last_is_partial = true;
  EXPECT_EQ(whole_body(encoder, first), kStart + "\"line\":\"piece one\",\"partial\":true}\n");
  TextBlock last("piece two\n");
  last.block.first_is_continuation = true;
  EXPECT_EQ(whole_body(encoder, last), kStart + "\"line\":\"piece two\",\"partial\":true}\n");
  const TextBlock whole("whole\n");
  EXPECT_EQ(whole_body(encoder, whole).find("partial"), std::string::npos);
}

TEST(JsonEncoder, OnlyTheLinesAtTheEdgesOfABlockCanBePartial) {
  JsonEncoder encoder({Framing::kNdjson, false, false});
  TextBlock text("tail of a piece\nwhole\nunfinished");
  text.block.first_is_continuation = true;
  text.block.last_is_partial = true;
  EXPECT_EQ(whole_body(encoder, text), kStart + "\"line\":\"tail of a piece\",\"partial\":true}\n" +
                                           kStart + "\"line\":\"whole\"}\n" + kStart +
                                           "\"line\":\"unfinished\",\"partial\":true}\n");
}

// Encodes a block into as many bodies as it takes.
struct Bodies {
  std::vector<std::string> texts;
  uint64_t replaced = 0;
};
Bodies bodies_of(JsonEncoder& encoder, const TextBlock& text, size_t soft_limit,
                 uint32_t lines_max) {
  Bodies bodies;
  for (uint32_t next = 0; next < text.block.line_count;) {
    WatchedBody body(encoder, text.origin, text.block.size(), soft_limit);
    uint32_t lines_left = lines_max;
    while (next < text.block.line_count && lines_left > 0) {
      const uint32_t step_lines = std::min(lines_left, 3u);
      const EncodeStep step = encoder.encode(text.block, next, step_lines, body.buffer);
      bodies.replaced += step.replaced_sequences;
      EXPECT_LE(step.next_line, next + step_lines);
      lines_left -= step.next_line - next;
      const bool full = step.next_line < next + std::min(step_lines, text.block.line_count - next);
      next = step.next_line;
      if (full) break;
    }
    EXPECT_GT(body.buffer.size, 0u);
    encoder.finish(body.buffer);
    bodies.texts.push_back(body.text());
  }
  return bodies;
}

std::vector<std::string> lines_of_array(const std::string& body) {
  std::vector<std::string> lines;
  simdjson::dom::parser parser;
  simdjson::dom::array records;
  EXPECT_EQ(parser.parse(body).get(records), simdjson::SUCCESS) << body;
  for (const simdjson::dom::element record : records) {
    lines.emplace_back(std::string_view(record["line"]));
  }
  return lines;
}

TEST(JsonEncoder, ABodyIsNeverLongerThanItsSoftLimitUnlessOneLineAloneIs) {
  for_each_simd_target([] {
    std::mt19937 random(6);
    for (size_t soft_limit = 100; soft_limit < 1500; soft_limit += 37) {
      JsonEncoder encoder(kArray);
      std::string all;
      std::vector<std::string> expected;
      for (int i = 0; i < 40; ++i) {
        expected.emplace_back(random() % 10 == 0 ? 2000 : random() % 300, '"');
        all += expected.back() + "\n";
      }
      const TextBlock text(all);
      std::vector<std::string> got;
      for (const std::string& body : bodies_of(encoder, text, soft_limit, UINT32_MAX).texts) {
        const std::vector<std::string> lines = lines_of_array(body);
        if (lines.size() > 1) {
          ASSERT_LE(body.size(), soft_limit);
        }
        got.insert(got.end(), lines.begin(), lines.end());
      }
      ASSERT_EQ(got, expected) << soft_limit;
    }
  });
}

TEST(JsonEncoder, ABodyExactlyAtItsSoftLimitIsFull) {
  JsonEncoder encoder(kArray);
  const TextBlock text("aaaa\nbbbb\n");
  const size_t both = whole_body(encoder, text).size();
  EXPECT_EQ(bodies_of(encoder, text, both, UINT32_MAX).texts.size(), 1u);
  EXPECT_EQ(bodies_of(encoder, text, both - 1, UINT32_MAX).texts.size(), 2u);
}

TEST(JsonEncoder, TheLimitOfLinesIsKept) {
  JsonEncoder encoder(kArray);
  const TextBlock text("a\nb\nc\nd\ne\nf\ng\n");
  const Bodies bodies = bodies_of(encoder, text, 1 << 20, 4);
  ASSERT_EQ(bodies.texts.size(), 2u);
  EXPECT_EQ(lines_of_array(bodies.texts[0]), (std::vector<std::string>{"a", "b", "c", "d"}));
}

TEST(JsonEncoder, ALineThatIsTakenBackIsNotCountedTwice) {
  JsonEncoder encoder(kArray);
  const TextBlock text("\xFF\xFF\n\xFF\xFF\n\xFF\xFF\n");
  const size_t one = bodies_of(encoder, text, 1, UINT32_MAX).texts[0].size();
  EXPECT_EQ(bodies_of(encoder, text, one, UINT32_MAX).replaced, 6u);
  EXPECT_EQ(bodies_of(encoder, text, one, UINT32_MAX).texts.size(), 3u);
}

TEST(JsonEncoder, ABodyGoesOnWithABlockOfAnotherFile) {
  JsonEncoder encoder(kArray);
  const TextBlock first("from one\n");
  TextBlock second("from two\n");
  second.origin.path = "/var/log/other.log";
  WatchedBody body(encoder, first.origin, 100);
  encoder.encode(first.block, 0, UINT32_MAX, body.buffer);
  encoder.encode(second.block, 0, UINT32_MAX, body.buffer);
  encoder.finish(body.buffer);
  EXPECT_EQ(lines_of_array(body.text()), (std::vector<std::string>{"from one", "from two"}));
  EXPECT_NE(body.text().find(R"("path":"/var/log/other.log","line":"from two")"),
            std::string::npos);
}

TEST(JsonEncoder, LIN_11_and_15_AnyBytesInAnyPlaceGiveABodyThatParses) {
  for_each_simd_target([] {
    std::mt19937 random(7);
    for (int round = 0; round < 200; ++round) {
      std::string bytes(random() % 3000, '\0');
      for (char& byte : bytes) byte = static_cast<char>(random());
      bytes += '\n';
      JsonEncoder encoder({Framing::kJson, true, true});
      TextBlock text(bytes);
      text.origin.host = bytes.substr(0, 20);
      text.origin.path = "/\xC3(/" + bytes.substr(0, 50);
      text.origin.labels = {{bytes.substr(0, 9), bytes.substr(0, 99)}};
      ASSERT_EQ(lines_of_array(whole_body(encoder, text)).size(), text.block.line_count);
    }
  });
}

TEST(JsonEncoder, TheWorstCaseOfALineFitsABodyOfExactlyTheRequiredCapacity) {
  for_each_simd_target([] {
    JsonEncoder encoder({Framing::kJson, true, true});
    TextBlock text(std::string(5000, '\0'));
    text.block.last_is_partial = true;
    text.block.first_offset = FileOffset(INT64_MAX - 5000);
    text.origin.host = text.origin.path = std::string(300, '\x01');
    text.origin.labels = {{std::string(50, '\x02'), std::string(50, '\x03')}};
    WatchedBody body(encoder, text.origin, 5000, 1);
    encoder.encode(text.block, 0, 1, body.buffer);
    encoder.finish(body.buffer);
    EXPECT_LE(body.buffer.size, body.buffer.capacity);
    EXPECT_EQ(lines_of_array(body.text()).size(), 1u);
  });
}

TEST(RecordId, IsTheSameForTheSameLineAndDiffersByOffsetAndSeed) {
  const Digest128 seed{1, 2};
  EXPECT_EQ(record_id(seed, FileOffset(7)), record_id(seed, FileOffset(7)));
  EXPECT_NE(record_id(seed, FileOffset(7)), record_id(seed, FileOffset(8)));
  EXPECT_NE(record_id(seed, FileOffset(7)), record_id({2, 1}, FileOffset(7)));
}

TEST(RecordId, NeverChangesFromOneVersionToTheNext) {
  // A destination may hold ids of earlier versions: this value is part of the format. Check it with
  // xxhsum -H2 over 01 00.. 02 00.. 03 00.. (24 bytes).
  uint8_t text[kRecordIdBytes];
  write_record_id(record_id({1, 2}, FileOffset(3)), text);
  EXPECT_EQ(std::string(text, text + sizeof text), "d0d66ae2837a0117026f21f9c50dcf1f");
}

}  // namespace
}  // namespace sluice

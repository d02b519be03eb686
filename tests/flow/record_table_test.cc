// SPDX-License-Identifier: Apache-2.0
// The table of a body's records, as encoder and batch write it, and bodies that are cut with it.
#include "sluice/record_table.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>
#include <vector>

#include "flow/batch/batch.h"
#include "flow/compress/body_cutter.h"
#include "flow/compress/codecs.h"
#include "flow/encode/json_encoder.h"
#include "flow/split/line_reader.h"

namespace sluice {
namespace {

// A block of lines as a shard makes it; its text may begin anywhere in its file.
struct Lined {
  Lined(uint32_t tail, std::string text_in, int64_t offset, LineForm form = {})
      : text(std::string(Marker::kBytesMax, '\n') + std::move(text_in)) {
    origin.tail = TailId(tail);
    origin.path = "/var/log/" + std::to_string(tail) + ".log";
    origin.host = "h";
    origin.form = form;
    origin.id_seed = {tail, 1};
    const size_t begin = Marker::kBytesMax;
    for (size_t i = begin; i < text.size(); ++i) {
      if (text[i] == '\n') ends.push_back(static_cast<uint32_t>(i + 1 - begin));
    }
    block.origin = &origin;
    block.bytes = reinterpret_cast<const uint8_t*>(text.data()) + begin;
    block.head_bytes = static_cast<uint32_t>(std::min<int64_t>(offset, Marker::kBytesMax));
    block.line_ends = ends.data();
    block.line_count = static_cast<uint32_t>(ends.size());
    block.first_offset = FileOffset(offset);
  }
  std::string text;
  TailOrigin origin;
  std::vector<uint32_t> ends;
  LineBlock block;
};

// A batch with an encoder and memory, as a shard has it.
struct Road {
  explicit Road(Framing framing, size_t limit = 1 << 16)
      : encoder(JsonEncoder::Options{framing, true, false}), memory(limit + (1 << 16)) {}

  BodyBuffer buffer(size_t limit) { return {memory.data(), 0, limit, memory.size()}; }
  // Returns the first line that did not fit.
  uint32_t take(Batch& batch, const Lined& lines, uint32_t first = 0) {
    const EncodeStep step = encoder.encode(lines.block, first, UINT32_MAX, batch.body());
    if (step.next_line > first)
      batch.add(lines.block, first, step.next_line, Lines(step.records), MonoTime(1));
    return step.next_line;
  }
  ParcelPtr seal(Batch& batch, Compressor& compressor) {
    encoder.finish(batch.body());
    const std::string body(batch.body().data, batch.body().data + batch.body().size);
    ParcelPtr parcel = batch.seal_into_parcel(DestinationId(0), ShardId(0), MonoTime(2));
    parcel->body = std::make_unique<std::byte[]>(compressor.bound(body.size()));
    parcel->body_bytes = compressor
                             .compress(std::as_bytes(std::span(body)),
                                       {parcel->body.get(), compressor.bound(body.size())})
                             .value();
    parcel->content_encoding = compressor.content_encoding();
    parcel->frame = encoder.frame();
    return parcel;
  }

  JsonEncoder encoder;
  std::vector<uint8_t> memory;
};

std::vector<std::string> lines_of(const std::string& body, bool array) {
  simdjson::dom::parser parser;
  std::vector<std::string> lines;
  const auto take = [&](simdjson::dom::element record) {
    lines.emplace_back(std::string_view(record["line"].get_string()));
  };
  if (array) {
    const simdjson::dom::array records = parser.parse(body).get_array();
    for (const auto record : records) take(record);
    return lines;
  }
  for (size_t begin = 0; begin < body.size();) {
    const size_t end = body.find('\n', begin);
    take(parser.parse(body.substr(begin, end - begin)));
    begin = end + 1;
  }
  return lines;
}

TEST(RecordTable, KnowsWhereEachRecordLiesInTheBodyAndInItsFile) {
  const Lined first(1, "one\ntwo\nthree\n", 1000);
  const Lined other(2, "x\n", 0);
  const Lined second(1, "four\nfive\n", 1014);
  for (const Framing framing : {Framing::kJson, Framing::kNdjson}) {
    Road road(framing);
    Batch batch(road.buffer(1 << 16));
    road.take(batch, first);
    road.take(batch, other);
    road.take(batch, second);
    const auto identity = make_identity();
    const ParcelPtr parcel = road.seal(batch, *identity);
    const RecordTable& table = parcel->records;
    ASSERT_EQ(table.size(), 6U);
    const std::vector<std::string> texts = {"one", "two", "three", "x", "four", "five"};
    const std::vector<std::pair<int64_t, int64_t>> places = {
        {1000, 1004}, {1004, 1008}, {1008, 1014}, {0, 2}, {1014, 1019}, {1019, 1024}};
    for (uint32_t i = 0; i < 6; ++i) {
      const std::string record = BodyCutter::record(*parcel, i).value();
      EXPECT_NE(record.find("\"line\":\"" + texts[i] + "\""), std::string::npos) << record;
      EXPECT_EQ(record.front(), '{');
      const RecordPlace place = table.place(i);
      EXPECT_EQ(place.span.begin.value, places[i].first) << i;
      EXPECT_EQ(place.span.end.value, places[i].second) << i;
      EXPECT_EQ(place.path, i == 3 ? "/var/log/2.log" : "/var/log/1.log");
      EXPECT_EQ(place.span.tail, TailId(i == 3 ? 2 : 1));
    }
    EXPECT_EQ(parcel->held_bytes(),
              static_cast<int64_t>(parcel->body_bytes + table.memory_bytes()));
  }
}

TEST(RecordTable, BeginsAnewWithEachBody) {
  const Lined lines(1, "one\ntwo\nthree\n", 0);
  Road road(Framing::kJson);
  Batch batch(road.buffer(170));
  const auto identity = make_identity();
  const uint32_t next = road.take(batch, lines);
  ASSERT_LT(next, 3U);
  EXPECT_EQ(road.seal(batch, *identity)->records.size(), next);
  ASSERT_EQ(road.take(batch, lines, next), next + 1);
  const ParcelPtr second = road.seal(batch, *identity);
  ASSERT_EQ(second->records.size(), 1U);
  EXPECT_EQ(second->records.place(0).span.begin, lines.block.offset_of(next));
}

TEST(RecordTable, ALineOfSeveralRecordsGivesItsBytesToTheFirst) {
  // The parts of a long line of one stream with a line of the other between them.
  const Lined lines(1,
                    "2026-11-22T20:17:43Z stdout P a\n2026-11-22T20:17:43Z stderr F b\n"
                    "2026-11-22T20:17:43Z stdout F c\n",
                    0, LineForm{LineFormat::kCri, TextEncoding::kUtf8});
  Road road(Framing::kJson);
  Batch batch(road.buffer(1 << 16));
  LineReader reader(1 << 12);
  uint32_t next = 0;
  while (next < lines.block.line_count) {
    const auto list = reader.read(lines.block, next, UINT32_MAX);
    const EncodeStep step = road.encoder.encode_records(lines.block, list.records, batch.body());
    batch.add(lines.block, next, step.next_line, Lines(step.records), MonoTime(1));
    next = step.next_line;
  }
  const auto identity = make_identity();
  const ParcelPtr parcel = road.seal(batch, *identity);
  Bytes sum;
  for (uint32_t i = 0; i < parcel->records.size(); ++i) {
    const Span span = parcel->records.place(i).span;
    sum += span.end - span.begin;
  }
  EXPECT_EQ(sum, parcel->raw_bytes);
}

TEST(BodyCutter, CutsAnyRangeIntoADocumentOfItsOwnWithEachCodec) {
  const Lined lines(1, "a\nbb\n\nd \"quoted\"\n{},[]\nf\n", 0);
  const std::vector<std::string> texts = {"a", "bb", "", "d \"quoted\"", "{},[]", "f"};
  for (const Framing framing : {Framing::kJson, Framing::kNdjson}) {
    for (const Compression codec : {Compression::kGzip, Compression::kZstd, Compression::kNone}) {
      Road road(framing);
      Batch batch(road.buffer(1 << 16));
      road.take(batch, lines);
      const auto compressor = make_compressor(codec, {}).value();
      const ParcelPtr parcel = road.seal(batch, *compressor);
      BodyCutter cutter(make_compressor(codec, {}).value());
      for (uint32_t first = 0; first < 6; ++first) {
        for (uint32_t end = first + 1; end <= 6; ++end) {
          auto cut = cutter.cut(*parcel, {first, end});
          ASSERT_TRUE(cut.ok());
          EXPECT_EQ(cut->encoded_bytes, parcel->records.encoded_bytes({first, end}, parcel->frame));
          // Cut once more, whole: the only way to look into it here.
          Parcel part;
          part.body = std::move(cut->bytes);
          part.body_bytes = cut->size;
          part.content_encoding = parcel->content_encoding;
          part.encoded_bytes = Bytes(static_cast<int64_t>(cut->encoded_bytes));
          part.frame = {};
          part.records.ends.push_back({static_cast<uint32_t>(cut->encoded_bytes), 0});
          const std::string body = BodyCutter::record(part, 0).value();
          EXPECT_EQ(lines_of(body, framing == Framing::kJson),
                    std::vector<std::string>(texts.begin() + first, texts.begin() + end));
        }
      }
    }
  }
}

TEST(BodyCutter, SaysSoWhenTheBodyIsNotWhatItWas) {
  const Lined lines(1, "a\nb\n", 0);
  Road road(Framing::kJson);
  Batch batch(road.buffer(1 << 16));
  road.take(batch, lines);
  const auto gzip = make_deflate(1).value();
  const ParcelPtr parcel = road.seal(batch, *gzip);
  parcel->body[parcel->body_bytes / 2] ^= std::byte{0x40};
  BodyCutter cutter(make_deflate(1).value());
  EXPECT_EQ(cutter.cut(*parcel, {0, 1}).error().code, Errc::kCorrupt);
}

}  // namespace
}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "flow/encode/json_records.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>

#include "flow/encode/escape.h"
#include "flow/encode/record_id.h"
#include "sluice/check.h"

// This file is compiled once per instruction set: foreach_target includes it again for each.
#define HWY_WANT_AVX3_DL 1
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "flow/encode/json_records.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include "flow/encode/escape-inl.h"

#ifndef SLUICE_JSON_RECORDS_ONCE
#define SLUICE_JSON_RECORDS_ONCE
namespace sluice {
namespace {

template <size_t N>
inline uint8_t* append(uint8_t* out, const char (&text)[N]) {
  std::memcpy(out, text, N - 1);
  return out + N - 1;
}

// What follows the text of a line. The form is constant in a block, so its branches are free.
inline uint8_t* append_place(const RecordForm& form, const Digest128& id_seed, FileOffset offset,
                             uint8_t* out) {
  *out++ = '"';
  if (form.with_offset) {
    out = append(out, ",\"offset\":");
    char* const text = reinterpret_cast<char*>(out);
    const auto end = std::to_chars(text, text + 20, offset.value);
    out += end.ptr - text;
  }
  if (form.with_id) {
    out = append(out, ",\"id\":\"");
    out = write_record_id(record_id(id_seed, offset), out);
    *out++ = '"';
  }
  return out;
}

inline uint8_t* append_end(const RecordForm& form, bool partial, uint8_t* out) {
  if (partial) [[unlikely]]
    out = append(out, ",\"partial\":true");
  *out++ = '}';
  if (!form.array) *out++ = '\n';
  return out;
}

// A key with a value that needs no escape; nothing without a value.
template <size_t N>
inline uint8_t* append_plain(uint8_t* out, const char (&key)[N], std::string_view value) {
  if (value.empty()) return out;
  out = append(out, key);
  std::memcpy(out, value.data(), value.size());
  out += value.size();
  *out++ = '"';
  return out;
}

// The mark with which some editors begin a file; it is not of the first line.
inline bool begins_with_mark(const LineBlock& block) {
  return block.first_offset == FileOffset(0) && block.line_ends[0] >= 3 &&
         std::memcmp(block.bytes, "\xEF\xBB\xBF", 3) == 0;
}

// The text of a line: without its newline, and without the carriage return before that if asked.
inline size_t text_bytes(const uint8_t* begin, const uint8_t* end, bool strip_cr) {
  if (begin == end || end[-1] != '\n') return static_cast<size_t>(end - begin);
  --end;
  if (strip_cr && begin != end && end[-1] == '\r') --end;
  return static_cast<size_t>(end - begin);
}

}  // namespace
}  // namespace sluice
#endif

HWY_BEFORE_NAMESPACE();
namespace sluice {
namespace HWY_NAMESPACE {

HWY_INLINE uint8_t* WriteText(const uint8_t* text, size_t size, uint8_t* out, uint64_t* replaced) {
  bool high = false;
  uint8_t* const end = EscapeAscii(text, size, out, &high);
  if (HWY_LIKELY(!high)) return end;
  if (simdjson::validate_utf8(reinterpret_cast<const char*>(text), size)) return end;
  EscapeCounts counts;
  uint8_t* const rewritten = escape_json_scalar(text, size, out, &counts);
  *replaced += counts.replaced;
  return rewritten;
}

HWY_INLINE uint8_t* WritePrefix(const RecordForm& form, uint8_t* out) {
  for (size_t i = 0; i < form.prefix_bytes; i += kCopyBytes) {
    hwy::CopyBytes<kCopyBytes>(form.prefix + i, out + i);
  }
  return out + form.prefix_bytes;
}

EncodeStep WriteJsonLines(const RecordForm& form, const LineBlock& block, uint32_t first_line,
                          uint32_t end_line, BodyBuffer& body) {
  EncodeStep step;
  step.next_line = first_line;
  const size_t closing = form.array ? 1 : 0;
  const bool strip_cr = block.origin->strip_cr;
  const uint32_t marked_line = begins_with_mark(block) ? 0 : UINT32_MAX;
  uint8_t* out = body.data + body.size;
  uint8_t* const limit = body.data + body.soft_limit - closing;
  const uint8_t* const capacity_end = body.data + body.capacity;
  RecordEnd* const ends = body.ends == nullptr ? nullptr : body.ends + body.records;
  end_line = first_line + std::min(end_line - first_line, body.record_room());
  for (uint32_t line = first_line; line < end_line; ++line) {
    uint8_t* const begin = out;
    const uint8_t* text = block.bytes + block.line_begin(line);
    if (line == marked_line) [[unlikely]]
      text += 3;
    const size_t size = text_bytes(text, block.bytes + block.line_ends[line], strip_cr);
    if (begin != body.data && begin >= limit) break;
    SLUICE_CHECK(
        static_cast<size_t>(capacity_end - begin) >= record_bytes_max(form.prefix_bytes, size),
        "a body has room for one more record of any content");
    out = WritePrefix(form, out);
    if (form.array && begin == body.data) *begin = '[';
    uint64_t replaced = 0;
    out = WriteText(text, size, out, &replaced);
    const bool partial = (line == 0 && block.first_is_continuation) ||
                         (line + 1 == block.line_count && block.last_is_partial);
    out = append_place(form, block.origin->id_seed, block.offset_of(line), out);
    out = append_end(form, partial, out);
    if (out > limit && begin != body.data) {
      out = begin;
      break;
    }
    step.replaced_sequences += replaced;
    step.next_line = line + 1;
    if (ends != nullptr)
      ends[line - first_line] = {static_cast<uint32_t>(out - body.data), block.line_ends[line]};
  }
  step.records = step.next_line - first_line;
  body.size = static_cast<size_t>(out - body.data);
  if (ends != nullptr) body.records += step.records;
  return step;
}

EncodeStep WriteJsonRecords(const RecordForm& form, const LineBlock& block,
                            std::span<const TextRecord> records, BodyBuffer& body) {
  const Digest128& id_seed = block.origin->id_seed;
  RecordEnd* const ends = body.ends == nullptr ? nullptr : body.ends + body.records;
  const uint32_t room = body.record_room();
  const size_t closing = form.array ? 1 : 0;
  uint8_t* out = body.data + body.size;
  uint8_t* const limit = body.data + body.soft_limit - closing;
  const uint8_t* const capacity_end = body.data + body.capacity;
  EncodeStep step;       // of whole lines
  EncodeStep with_line;  // and of the line at hand
  uint8_t* line_begin = out;
  step.next_line = records.front().line;
  for (size_t i = 0; i < records.size(); ++i) {
    const TextRecord& record = records[i];
    uint8_t* const begin = out;
    if (with_line.records == room) break;
    SLUICE_CHECK(static_cast<size_t>(capacity_end - begin) >=
                     record_bytes_max(form.prefix_bytes, record.size),
                 "a body has room for the records of one more line of any content");
    out = WritePrefix(form, out);
    if (form.array && begin == body.data) *begin = '[';
    uint64_t replaced = record.replaced;
    out = WriteText(record.text, record.size, out, &replaced);
    out = append_place(form, id_seed, record.offset, out);
    out = append_plain(out, ",\"stream\":\"", record.stream);
    out = append_plain(out, ",\"time\":\"", record.time);
    out = append_end(form, record.partial, out);
    with_line.replaced_sequences += replaced;
    with_line.unparsed += record.unparsed ? 1 : 0;
    if (ends != nullptr)
      ends[with_line.records] = {static_cast<uint32_t>(out - body.data),
                                 block.line_ends[record.line]};
    ++with_line.records;
    if (i + 1 < records.size() && records[i + 1].line == record.line) continue;
    if (out > limit && line_begin != body.data) break;
    with_line.next_line = record.line + 1;
    step = with_line;
    line_begin = out;
    if (out >= limit) break;
  }
  body.size = static_cast<size_t>(line_begin - body.data);
  if (ends != nullptr) body.records += step.records;
  return step;
}

}  // namespace HWY_NAMESPACE
}  // namespace sluice
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sluice {

HWY_EXPORT(WriteJsonLines);
HWY_EXPORT(WriteJsonRecords);

size_t record_bytes_max(size_t prefix_bytes, size_t line_bytes) {
  return prefix_bytes + kCopyBytes + escape_bound(line_bytes) + kRecordTailBytesMax;
}

EncodeStep write_json_lines(const RecordForm& form, const LineBlock& block, uint32_t first_line,
                            uint32_t end_line, BodyBuffer& body) {
  SLUICE_CHECK(first_line < end_line && end_line <= block.line_count, "lines of the block");
  SLUICE_CHECK(body.size <= body.capacity && body.soft_limit > 0, "a body is within its memory");
  return HWY_DYNAMIC_DISPATCH(WriteJsonLines)(form, block, first_line, end_line, body);
}

EncodeStep write_json_records(const RecordForm& form, const LineBlock& block,
                              std::span<const TextRecord> records, BodyBuffer& body) {
  SLUICE_CHECK(!records.empty(), "there is something to write");
  SLUICE_CHECK(body.size <= body.capacity && body.soft_limit > 0, "a body is within its memory");
  return HWY_DYNAMIC_DISPATCH(WriteJsonRecords)(form, block, records, body);
}

}  // namespace sluice
#endif

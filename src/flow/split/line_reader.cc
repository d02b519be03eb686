// SPDX-License-Identifier: Apache-2.0
#include "flow/split/line_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "flow/split/decode_text.h"
#include "sluice/check.h"

namespace sluice {
namespace {

using Text = std::span<const uint8_t>;

// A list is made of so much decoded text at most, so that it is still in the cache when it is
// encoded.
constexpr size_t kTextPerList = size_t{32} << 10;

Text bytes_of(const LineBlock& block, uint32_t begin, uint32_t end) {
  return {block.bytes + begin, end - begin};
}

// The end of the line of the file that begins at `begin`, its newline included.
uint32_t end_of_file_line(const LineBlock& block, uint32_t begin, uint32_t end) {
  const void* const newline = std::memchr(block.bytes + begin, '\n', end - begin);
  if (newline == nullptr) return end;
  return static_cast<uint32_t>(static_cast<const uint8_t*>(newline) - block.bytes) + 1;
}

// Without its newline, and if asked without the carriage return before that.
Text whole_text(Text text, bool strip_cr) {
  if (text.empty() || text.back() != '\n') return text;
  text = text.first(text.size() - 1);
  if (strip_cr && !text.empty() && text.back() == '\r') text = text.first(text.size() - 1);
  return text;
}

// The same of units of two bytes.
Text whole_wide_text(Text text, bool little, bool strip_cr) {
  const auto ends_with = [&text, little](uint8_t letter) {
    if (text.size() < 2) return false;
    const uint8_t first = text[text.size() - 2];
    return little ? first == letter && text.back() == 0 : first == 0 && text.back() == letter;
  };
  if (!ends_with('\n')) return text;
  text = text.first(text.size() - 2);
  return strip_cr && ends_with('\r') ? text.first(text.size() - 2) : text;
}

bool starts_with_mark(Text text, bool little) {
  constexpr std::array<uint8_t, 2> kLittleMark = {0xFF, 0xFE};
  constexpr std::array<uint8_t, 2> kBigMark = {0xFE, 0xFF};
  const auto& mark = little ? kLittleMark : kBigMark;
  return text.size() >= 2 && text[0] == mark[0] && text[1] == mark[1];
}

}  // namespace

LineReader::LineReader(size_t line_bytes_max)
    : memory_bytes_(memory_bytes(line_bytes_max)),
      memory_(std::make_unique_for_overwrite<uint8_t[]>(memory_bytes_)) {}

size_t LineReader::memory_bytes(size_t line_bytes_max) {
  // A line may be longer by its newline, or by half of one.
  return decoded_bound(line_bytes_max + 2) + kTextPerList;
}

LineReader::List LineReader::read(const LineBlock& block, uint32_t first_line,
                                  uint32_t records_max) {
  SLUICE_CHECK(!block.origin->form.is_plain(), "plain text is encoded as it stands");
  SLUICE_CHECK(first_line < block.line_count, "a reader is given lines");
  count_ = 0;
  used_ = 0;
  size_t whole = 0;
  uint32_t number = first_line;
  for (; number < block.line_count && count_ < kRecords && used_ < kTextPerList; ++number) {
    const Line line{&block,
                    number,
                    block.line_begin(number),
                    block.line_ends[number],
                    number == 0 && block.first_is_continuation,
                    number + 1 == block.line_count && block.last_is_partial};
    if (block.origin->form.is_container()) {
      read_container(line);
    } else {
      read_encoded(line);
    }
    if (count_ > records_max && whole > 0) break;
    whole = count_;
  }
  return {{records_.data(), whole}, number};
}

uint8_t* LineReader::room(size_t bytes) {
  SLUICE_CHECK(bytes <= memory_bytes_ - used_, "one line more always has room");
  return memory_.get() + used_;
}

TextRecord& LineReader::add(const Line& line, uint32_t begin, bool partial) {
  SLUICE_CHECK(count_ < records_.size(), "a line gives few records");
  TextRecord& record = records_[count_++];
  record = TextRecord{};
  record.line = line.number;
  record.offset = line.block->first_offset + Bytes(begin);
  record.partial = partial;
  return record;
}

void LineReader::read_encoded(const Line& line) {
  const TailOrigin& origin = *line.block->origin;
  const bool little = origin.form.encoding == TextEncoding::kUtf16Le;
  Text text = bytes_of(*line.block, line.begin, line.end);
  TextRecord& record = add(line, line.begin, line.begins_inside || line.ends_inside);
  uint8_t* const out = room(decoded_bound(text.size()));
  Decoded decoded;
  if (origin.form.is_utf16()) {
    // Half a unit: somebody looked for the newline by bytes. See ends_with_newline().
    if ((record.offset.value & 1) != 0) text = text.subspan(1);
    if (record.offset == FileOffset(0) && starts_with_mark(text, little)) text = text.subspan(2);
    decoded = decode_utf16(whole_wide_text(text, little, origin.strip_cr), little, out);
  } else {
    decoded = decode_latin1(whole_text(text, origin.strip_cr), out);
  }
  record.text = out;
  record.size = static_cast<size_t>(decoded.end - out);
  record.replaced = decoded.replaced;
  used_ += record.size;
}

void LineReader::read_container(const Line& line) {
  const LineBlock& block = *line.block;
  open_ = {};
  const size_t first = count_;
  uint32_t at = line.begin;
  if (line.begins_inside) {
    at = end_of_file_line(block, at, line.end);
    // Of nothing but a newline when the piece before it was cut behind a part.
    if (at - line.begin > 1) add_as_is(line, line.begin, at);
  }
  while (at < line.end) {
    const uint32_t begin = at;
    at = end_of_file_line(block, begin, line.end);
    const ContainerLine part =
        read_container_line(block.origin->form.format, bytes_of(block, begin, at));
    if (!part.ok) {
      add_as_is(line, begin, at);
      continue;
    }
    Open& open = open_[static_cast<size_t>(part.stream)];
    if (!open.any) open = {true, begin, part.time};
    // A line of the file without its end goes on, whatever it says.
    if (!part.goes_on && block.bytes[at - 1] == '\n') join(line, part.stream, at, true);
  }
  for (const auto stream : {ContainerLine::Stream::kOut, ContainerLine::Stream::kErr}) {
    if (open_[static_cast<size_t>(stream)].any) join(line, stream, line.end, false);
  }
  // Nothing but the newline between two pieces, when the second never came.
  if (count_ == first) add(line, line.begin, true);
  if (line.begins_inside) records_[first].partial = true;
}

// The line of the file as it is.
void LineReader::add_as_is(const Line& line, uint32_t begin, uint32_t end) {
  const Text all = bytes_of(*line.block, begin, end);
  const Text text = whole_text(all, line.block->origin->strip_cr);
  const bool inside = begin == line.begin && line.begins_inside;
  TextRecord& record = add(line, begin, inside || all.back() != '\n');
  record.text = text.data();
  record.size = text.size();
  record.unparsed = true;
}

// Makes a record of the parts of a stream that lie between its first one and `end`.
void LineReader::join(const Line& line, ContainerLine::Stream stream, uint32_t end, bool whole) {
  const LineBlock& block = *line.block;
  const LineFormat format = block.origin->form.format;
  const Open open = std::exchange(open_[static_cast<size_t>(stream)], Open{});
  TextRecord& record = add(line, open.begin, !whole);
  record.stream = name_of(stream);
  record.time = open.time;
  const bool alone = end_of_file_line(block, open.begin, end) == end;
  Text text;
  if (alone && format == LineFormat::kCri) {
    text = read_container_line(format, bytes_of(block, open.begin, end)).text;
  } else {
    uint8_t* const begin = room(end - open.begin);
    uint8_t* out = begin;
    for (uint32_t at = open.begin, next = 0; at < end; at = next) {
      next = end_of_file_line(block, at, end);
      const ContainerLine part = read_container_line(format, bytes_of(block, at, next));
      if (!part.ok || part.stream != stream) continue;
      if (format == LineFormat::kCri) {
        std::memcpy(out, part.text.data(), part.text.size());
        out += part.text.size();
        continue;
      }
      const Decoded decoded = decode_json_string(part.text, out);
      out = decoded.end;
      record.replaced += decoded.replaced;
    }
    text = {begin, static_cast<size_t>(out - begin)};
    used_ += text.size();
  }
  const bool strip_cr = block.origin->strip_cr;
  if (whole && format == LineFormat::kDocker) text = whole_text(text, strip_cr);
  if (whole && format == LineFormat::kCri && strip_cr && !text.empty() && text.back() == '\r') {
    text = text.first(text.size() - 1);
  }
  record.text = text.data();
  record.size = text.size();
}

}  // namespace sluice

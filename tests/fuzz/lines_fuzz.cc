// SPDX-License-Identifier: Apache-2.0
// lines_fuzz.cc — any bytes as a file of any form, read through windows of any size.
//
// In:      bytes from libFuzzer; the first four choose the form, the bound, the window and the size
//          of the index.
// Out:     nothing, or an abort: every byte is in one cut, pieces are marked and within the bound;
//          plain text is cut as the definition says; records do not depend on the window; a new
//          reader that begins at any cut finds the rest.
// Why so:  the framer decides what a line is, and what it forgets is lost without a trace.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "flow/split/framer.h"
#include "flow/split/line_reader.h"
#include "flow/split/record_index.h"
#include "sluice/check.h"

namespace sluice {
namespace {

struct Seen {
  std::string text;
  int64_t offset = 0;
  bool partial = false;
  bool operator==(const Seen&) const = default;
};

struct Shape {
  LineForm form;
  size_t line_bytes_max = 0;
  size_t window = 0;
  size_t index = 0;
  bool flush = false;
};

class Reading {
 public:
  Reading(std::string_view file, const Shape& shape)
      : file_(file), shape_(shape), ends_(shape.index), reader_(shape.line_bytes_max) {
    origin_.form = shape.form;
    origin_.strip_cr = false;
  }

  // Returns where it ended.
  size_t run() {
    size_t position = 0;
    size_t room = shape_.window;
    for (;;) {
      // A copy of the exact size, so that the sanitizer sees one byte too many.
      const std::vector<uint8_t> text(
          file_.begin() + static_cast<ptrdiff_t>(position),
          file_.begin() + static_cast<ptrdiff_t>(std::min(position + room, file_.size())));
      const FileOffset offset(static_cast<int64_t>(position));
      const size_t before = std::min<size_t>(position, 64);
      const bool inside = !ends_with_newline(
          {reinterpret_cast<const uint8_t*>(file_.data()) + position - before, before}, offset,
          shape_.form);
      const FrameRules rules{shape_.line_bytes_max, shape_.flush, shape_.form, offset, inside};
      const FrameCut cut = frame(text, text.size() < room, rules, ends_);
      SLUICE_CHECK(cut.bytes <= text.size(), "a cut is within its text");
      if (cut.line_count > 0) take(text, cut, offset, inside);
      position += cut.bytes;
      if (cut.next == FrameNext::kAwaitGrowth) {
        SLUICE_CHECK(position + cut.unfinished_bytes == file_.size(), "no byte is forgotten");
        return position;
      }
      SLUICE_CHECK(cut.bytes > 0 || cut.next == FrameNext::kMoreRoom, "a reading moves forward");
      // What the oversize buffer has: see the memory plan.
      room = cut.next == FrameNext::kMoreRoom ? shape_.line_bytes_max + 64 : shape_.window;
    }
  }

  std::vector<Seen> records;
  bool has_pieces = false;

 private:
  void take(const std::vector<uint8_t>& text, const FrameCut& cut, FileOffset offset, bool inside) {
    SLUICE_CHECK(cut.bytes == ends_[cut.line_count - 1], "a cut ends with its last line");
    SLUICE_CHECK(!cut.last_is_partial || cut.line_count == 1, "a piece travels alone");
    has_pieces = has_pieces || cut.last_is_partial;
    LineBlock block;
    block.origin = &origin_;
    block.bytes = text.data();
    block.line_ends = ends_.data();
    block.line_count = cut.line_count;
    block.first_offset = offset;
    block.first_is_continuation = inside;
    block.last_is_partial = cut.last_is_partial;
    for (uint32_t i = 0; i < block.line_count; ++i) {
      SLUICE_CHECK(block.line_ends[i] > block.line_begin(i), "a line has bytes");
      SLUICE_CHECK(block.line_ends[i] - block.line_begin(i) <=
                       shape_.line_bytes_max + newline_bytes(shape_.form),
                   "a line is within the bound");
    }
    if (shape_.form.is_plain()) return take_plain(block);
    for (uint32_t next = 0; next < block.line_count;) {
      const auto list = reader_.read(block, next, 1 + static_cast<uint32_t>(shape_.index % 5));
      SLUICE_CHECK(list.next_line > next && !list.records.empty(), "every line gives a record");
      for (const TextRecord& record : list.records) {
        records.push_back({std::string(reinterpret_cast<const char*>(record.text), record.size),
                           record.offset.value, record.partial});
      }
      next = list.next_line;
    }
  }

  void take_plain(const LineBlock& block) {
    for (uint32_t i = 0; i < block.line_count; ++i) {
      const auto* const begin = reinterpret_cast<const char*>(block.bytes) + block.line_begin(i);
      const bool partial = (i == 0 && block.first_is_continuation) ||
                           (i + 1 == block.line_count && block.last_is_partial);
      records.push_back({std::string(begin, block.line_ends[i] - block.line_begin(i)),
                         block.offset_of(i).value, partial});
    }
  }

  const std::string_view file_;
  const Shape shape_;
  std::vector<uint32_t> ends_;
  TailOrigin origin_;
  LineReader reader_;
};

// The definition: whole lines of plain text.
void check_plain(std::string_view file, const std::vector<Seen>& records, size_t end) {
  std::string whole;
  for (const Seen& record : records) {
    SLUICE_CHECK(record.offset == static_cast<int64_t>(whole.size()), "lines follow each other");
    const size_t newline = record.text.find('\n');
    SLUICE_CHECK(newline == std::string::npos || newline + 1 == record.text.size(),
                 "a newline ends its line");
    SLUICE_CHECK(record.partial || newline != std::string::npos, "a whole line has its newline");
    whole += record.text;
  }
  SLUICE_CHECK(whole == file.substr(0, end), "the lines are the file");
}

void try_one(std::string_view file, const Shape& shape) {
  Reading reading(file, shape);
  const size_t end = reading.run();
  if (shape.form.is_plain()) check_plain(file, reading.records, end);
  Shape wide = shape;
  wide.window = file.size() + 1;
  wide.index = file.size() + 1;
  Reading at_once(file, wide);
  SLUICE_CHECK(at_once.run() == end, "the end does not depend on the window");
  SLUICE_CHECK(at_once.records == reading.records, "the records do not depend on the window");
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  if (size < 4) return 0;
  constexpr LineForm kForms[] = {
      {LineFormat::kText, TextEncoding::kUtf8},    {LineFormat::kText, TextEncoding::kUtf16Le},
      {LineFormat::kText, TextEncoding::kUtf16Be}, {LineFormat::kText, TextEncoding::kLatin1},
      {LineFormat::kCri, TextEncoding::kUtf8},     {LineFormat::kDocker, TextEncoding::kUtf8}};
  Shape shape;
  shape.form = kForms[data[0] % std::size(kForms)];
  shape.line_bytes_max = 4 + 4 * size_t{data[1]};
  shape.window = 8 + size_t{data[2]};
  shape.index = 1 + data[3] / 2;
  shape.flush = (data[3] & 1) != 0;
  try_one({reinterpret_cast<const char*>(data) + 4, size - 4}, shape);
  return 0;
}

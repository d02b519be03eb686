// SPDX-License-Identifier: Apache-2.0
#include "flow/split/framer.h"

#include "flow/split/newline_scan.h"
#include "flow/split/record_index.h"
#include "sluice/check.h"
#include "sluice/planted.h"

namespace sluice {
namespace {

FormedText formed(std::span<const uint8_t> text, const FrameRules& rules) {
  return {text, rules.form, rules.offset, rules.inside_line};
}

uint32_t index_lines(std::span<const uint8_t> text, const FrameRules& rules,
                     std::span<uint32_t> line_ends) {
  if (rules.form.is_utf16() || rules.form.is_container()) {
    return index_records(formed(text, rules), line_ends);
  }
  return static_cast<uint32_t>(
      scan_newlines(text.data(), text.size(), line_ends.data(), line_ends.size()));
}

// Longer than this, its newline included, and a line is cut into pieces.
size_t whole_bytes_max(const FrameRules& rules) {
  return rules.line_bytes_max + newline_bytes(rules.form);
}

// One piece of a line that is longer than the bound.
FrameCut cut_piece(std::span<const uint8_t> text, const FrameRules& rules,
                   std::span<uint32_t> line_ends) {
  FrameCut cut;
  cut.bytes = piece_of(formed(text, rules), rules.line_bytes_max);
  cut.line_count = 1;
  cut.last_is_partial = true;
  cut.next = FrameNext::kGoOn;
  line_ends[0] = static_cast<uint32_t>(cut.bytes);
  return cut;
}

// The first line of [0, count) that is longer than the bound; count if none is.
uint32_t first_overlong(std::span<const uint32_t> ends, uint32_t count, size_t bytes_max) {
  uint32_t begin = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const size_t newline_lost = planted(Planted::kOffByOneAtLineMax) ? 1 : 0;
    if (ends[i] - begin > bytes_max - newline_lost) return i;
    begin = ends[i];
  }
  return count;
}

// No newline in the whole read.
FrameCut frame_without_newline(std::span<const uint8_t> text, bool reached_end,
                               const FrameRules& rules, std::span<uint32_t> line_ends) {
  if (text.size() >= whole_bytes_max(rules)) return cut_piece(text, rules, line_ends);
  FrameCut cut;
  cut.unfinished_bytes = text.size();
  if (!reached_end) {
    cut.next = FrameNext::kMoreRoom;
  } else if (rules.flush_unfinished && !text.empty()) {
    cut.line_count = 1;
    cut.bytes = text.size();
    cut.last_is_partial = true;
    cut.unfinished_bytes = 0;
    line_ends[0] = static_cast<uint32_t>(text.size());
  }
  return cut;
}

}  // namespace

FrameCut frame(std::span<const uint8_t> text, bool reached_end, const FrameRules& rules,
               std::span<uint32_t> line_ends) noexcept {
  SLUICE_CHECK(!line_ends.empty() && rules.line_bytes_max > 0, "a cut needs room for one line");
  const uint32_t count = index_lines(text, rules, line_ends);
  if (count == 0) return frame_without_newline(text, reached_end, rules, line_ends);

  if (rules.line_bytes_max < text.size()) {
    const uint32_t overlong = first_overlong(line_ends, count, whole_bytes_max(rules));
    if (overlong == 0) return cut_piece(text, rules, line_ends);
    if (overlong < count) {
      FrameCut before;
      before.line_count = overlong;
      before.bytes = line_ends[overlong - 1];
      before.next = FrameNext::kGoOn;
      return before;
    }
  }
  FrameCut cut;
  cut.line_count = count;
  cut.bytes = line_ends[count - 1];
  const bool index_full = count == line_ends.size() && cut.bytes < text.size();
  cut.unfinished_bytes = text.size() - cut.bytes;
  const bool piece_waits = cut.unfinished_bytes >= whole_bytes_max(rules);
  const bool flush_waits = rules.flush_unfinished && cut.unfinished_bytes > 0;
  if (!reached_end || index_full || piece_waits || flush_waits) cut.next = FrameNext::kGoOn;
  return cut;
}

}  // namespace sluice

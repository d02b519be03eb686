// SPDX-License-Identifier: Apache-2.0
// framer.h — decides where a read is cut into whole lines, and what is done with what is not whole.
//
// In:      the text of one read, which begins where the last cut ended; whether the read reached
//          the end of the file; the line bound.
// Out:     a cut: how many lines, how many bytes, and whether the reader must come again with more
//          room or must wait for the rest of a line. Writes the line index into the caller's
//          memory.
// Owns:    nothing. A line that is not finished is simply read again: half a line per 256 KiB.
// Thread:  the reading shard. Pure.
// Limits:  a line of up to `line_bytes_max` (newline not counted) stays whole. A longer one is cut
//          into pieces of at most that size, never inside a UTF-8 character, one piece per block,
//          and every piece is marked. Nothing is ever dropped. In container logs all lines that
//          belong to one record count as one line here; see record_index.h.
// Fails:   cannot.
// Why so:  carrying a remainder from buffer to buffer is state that survives rotation, truncation
//          and stop in the wrong shape (half of the recorded line defects of the field). Reading it
//          again from the page cache costs 0.1 % and has no state at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sluice/line_form.h"
#include "sluice/units.h"

namespace sluice {

struct FrameRules {
  size_t line_bytes_max = 0;  // > 0
  bool flush_unfinished =
      false;  // the file will not grow any more: its last line is complete as it is
  LineForm form = {};
  // Of a form that is not plain:
  FileOffset offset = {};    // of the text in its file
  bool inside_line = false;  // the text begins inside a line
};

// What the reader should do next with this file.
enum class FrameNext : uint8_t {
  kGoOn,         // there is more text right behind the cut, or there may be
  kAwaitGrowth,  // all whole lines are taken; what is left is an unfinished line (perhaps of 0
                 // bytes)
  kMoreRoom,     // one line fills the whole buffer and may still be whole: read it with an oversize
                 // buffer
};

struct FrameCut {
  uint32_t line_count = 0;
  size_t bytes = 0;              // of whole lines or of the piece; the next read begins here
  bool last_is_partial = false;  // the one line is a piece of a longer line, or unfinished
  FrameNext next = FrameNext::kAwaitGrowth;
  size_t unfinished_bytes = 0;  // left behind for kAwaitGrowth
};

// REQUIRES: line_ends is not empty. `reached_end`: the read returned less than it could have.
FrameCut frame(std::span<const uint8_t> text, bool reached_end, const FrameRules& rules,
               std::span<uint32_t> line_ends) noexcept;

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// text_record.h — one record whose text is not simply a line of its block: decoded, or joined.
//
// In:      made by a line reader (flow/split/line_reader.h) from lines of a block.
// Out:     read by encoders.
// Owns:    nothing. The text lies in the block or in the reader's memory, the stream and the time
//          in the block; all are valid until the reader is asked again.
// Limits:  a line of a block (see LineBlock) gives one record, or a few where the parts of long
//          container lines of two streams lie in one another.
// Why so:  a list of a few dozen per call keeps what reads and what encodes apart at the price of a
//          call per list, and plain text, which needs neither, never sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sluice/units.h"

namespace sluice {

struct TextRecord {
  const uint8_t* text = nullptr;  // UTF-8, or what claims to be; without its newline
  size_t size = 0;
  uint32_t line = 0;        // the line of the block that it comes from
  FileOffset offset;        // of its first byte in the file
  std::string_view stream;  // "stdout" or "stderr"; empty if it has none
  std::string_view time;    // RFC 3339, as it was written; empty if it has none
  uint32_t replaced = 0;    // U+FFFD that the decoding put in
  bool partial = false;     // the text is not a whole record
  bool unparsed = false;    // not in the format of its source; the text is the line as it is
};

// The most records that one line of a block gives. Raising it joins long container lines between
// whose parts more of the other stream lies, and needs memory for as many envelopes per body.
inline constexpr uint32_t kRecordsPerLineMax = 8;

}  // namespace sluice

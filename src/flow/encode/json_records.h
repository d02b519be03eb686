// SPDX-License-Identifier: Apache-2.0
// json_records.h — the loops over the lines of a block, or over records, that write JSON records.
//
// In:      a constant prefix, a block and a range of its lines, or a list of records.
// Out:     records behind body.size; the first line that no longer fits.
// Owns:    nothing.
// Thread:  any; pure. The instruction set is chosen once per call, that is per block.
// Limits:  see Encoder: a record that takes the closed body over soft_limit is taken back, unless
//          it is the only one.
// Fails:   cannot; a body without room for the longest form of a line is a bug.
// Why so:  the escape kernel is inlined in the loop: a call through the dispatch table per line
//          costs as much as escaping 20 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sluice/encoder.h"
#include "sluice/line_block.h"

namespace sluice {

// The prefix is copied in steps of this size, so that much may be read behind its end.
inline constexpr size_t kCopyBytes = 64;

// The most that follows the text of a line: "offset", "id", "stream", "time", "partial", braces,
// closing.
inline constexpr size_t kRecordTailBytesMax = 224;

struct RecordForm {
  const uint8_t* prefix = nullptr;  // begins with ',' in an array
  size_t prefix_bytes = 0;
  bool array = true;  // '[' before the first record and ']' behind the last; else '\n' behind each
  bool with_offset = false;
  bool with_id = false;
};

// The most that one record takes, closing included, and the scratch behind it.
size_t record_bytes_max(size_t prefix_bytes, size_t line_bytes);

// REQUIRES: first_line < end_line <= block.line_count; body as Encoder says.
EncodeStep write_json_lines(const RecordForm& form, const LineBlock& block, uint32_t first_line,
                            uint32_t end_line, BodyBuffer& body);

// REQUIRES: records are not empty and come from successive lines of the block.
EncodeStep write_json_records(const RecordForm& form, const LineBlock& block,
                              std::span<const TextRecord> records, BodyBuffer& body);

}  // namespace sluice

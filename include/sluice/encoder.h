// SPDX-License-Identifier: Apache-2.0
// encoder.h — the contract between lines and the body of a request.
//
// In:      a block and the first line not yet encoded.
// Out:     records appended to a body; which line comes next. A body is opened by its first record
//          and closed by finish(), after which it is a whole document.
// Owns:    its cached envelope of the current block. Borrows block and body for the call.
// Thread:  one shard; every shard has an encoder of its own per destination.
// Limits:  a line that would take the body (closed) over `soft_limit` is left for the next body,
//          unless it is the body's first: a line larger than the limit travels alone.
// Rate:    one virtual call per block and body, plain loops per line inside.
// Why so:  the encoder rolls back by one record instead of guessing its escaped size, so that a
//          body is never longer than the user's bound and no line is measured twice.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sluice/line_block.h"
#include "sluice/record_table.h"
#include "sluice/text_record.h"
#include "sluice/units.h"

namespace sluice {

// Memory that a body grows in.
// REQUIRES: capacity >= soft_limit + encoder's worst_line_bytes(max_line), so one line always fits.
struct BodyBuffer {
  uint8_t* data = nullptr;
  size_t size = 0;
  size_t soft_limit = 0;
  size_t capacity = 0;
  // Where the encoder notes the end of each record; null: nobody wants to know. A body ends when
  // there is no room for one more. REQUIRES: records_max >= kRecordsPerLineMax with a table.
  RecordEnd* ends = nullptr;
  uint32_t records = 0;
  uint32_t records_max = 0;

  uint32_t record_room() const { return ends == nullptr ? UINT32_MAX : records_max - records; }
};

struct EncodeStep {
  uint32_t next_line = 0;  // the first line that is not in the body; == line_count: all are
  uint64_t replaced_sequences = 0;  // invalid UTF-8 sequences that became U+FFFD
  uint32_t records = 0;             // how many records were appended
  uint32_t unparsed = 0;            // of them, not in the format of their source
};

class Encoder {
 public:
  virtual ~Encoder() = default;

  // Encodes lines [first_line, first_line + lines_max) of `block` as far as they fit.
  // REQUIRES: first_line < block.line_count, lines_max > 0.
  virtual EncodeStep encode(const LineBlock& block, uint32_t first_line, uint32_t lines_max,
                            BodyBuffer& body) = 0;
  // The same of records that were read from successive lines of `block`. Either all records of a
  // line are taken or none.
  // REQUIRES: records is not empty.
  virtual EncodeStep encode_records(const LineBlock& block, std::span<const TextRecord> records,
                                    BodyBuffer& body) = 0;
  // Closes a body that holds at least one record.
  virtual void finish(BodyBuffer& body) = 0;
  virtual std::string_view content_type() const = 0;
  // What finish() puts round the records, and what lies between them.
  virtual BodyFrame frame() const = 0;
  // The most that the records of a line of `line_bytes` with this origin can take, closing
  // included.
  virtual size_t worst_line_bytes(size_t line_bytes, const TailOrigin& origin) const = 0;
};

}  // namespace sluice

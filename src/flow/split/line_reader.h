// SPDX-License-Identifier: Apache-2.0
// line_reader.h — the records in the lines of a block that is not plain text.
//
// In:      a block as record_index.h framed it; the first line wanted.
// Out:     a list of records: text in UTF-8, without byte order mark, newline and what the runtime
//          put round it; parts of one record joined.
// Owns:    the list and the memory of decoded and joined text, once, for the longest line.
// Thread:  one shard.
// Limits:  a list ends behind a line, at the latest where it holds kRecords; memory is for one line
//          of `line_bytes_max`, whatever it decodes to.
// Fails:   cannot: a line that is not in the format is a record as it stands, marked.
// Why so:  a list of records costs the encoder one call for many lines, and joining them here,
//          after the block has changed hands, makes any shard able to do it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "flow/split/container_line.h"
#include "sluice/line_block.h"
#include "sluice/text_record.h"

namespace sluice {

class LineReader {
 public:
  explicit LineReader(size_t line_bytes_max);
  // What a reader for such lines takes.
  static size_t memory_bytes(size_t line_bytes_max);

  struct List {
    std::span<const TextRecord> records;  // valid until the next call
    uint32_t next_line = 0;               // the first line that is not in it
  };
  // At least one line, each of which gives at least one record; no more than `records_max` records
  // unless one line alone has more. REQUIRES: the block's form is not plain, first_line <
  // block.line_count.
  List read(const LineBlock& block, uint32_t first_line, uint32_t records_max);

 private:
  static constexpr size_t kRecords = 64;

  // A record some of whose parts were seen.
  struct Open {
    bool any = false;
    uint32_t begin = 0;  // of its first part in the block
    std::string_view time;
  };
  // The line of the block that is being read.
  struct Line {
    const LineBlock* block = nullptr;
    uint32_t number = 0;
    uint32_t begin = 0;
    uint32_t end = 0;
    bool begins_inside = false;
    bool ends_inside = false;
  };

  void read_encoded(const Line& line);
  void read_container(const Line& line);
  void join(const Line& line, ContainerLine::Stream stream, uint32_t end, bool whole);
  void add_as_is(const Line& line, uint32_t begin, uint32_t end);
  TextRecord& add(const Line& line, uint32_t begin, bool partial);
  uint8_t* room(size_t bytes);

  // Constant after construction.
  const size_t memory_bytes_;
  const std::unique_ptr<uint8_t[]> memory_;

  // The list being made.
  std::array<TextRecord, kRecords + kRecordsPerLineMax> records_;
  size_t count_ = 0;
  size_t used_ = 0;
  std::array<Open, 2> open_;  // by stream
};

}  // namespace sluice

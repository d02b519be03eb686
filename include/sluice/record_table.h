// SPDX-License-Identifier: Apache-2.0
// record_table.h — where each record of a body begins and ends, encoded and in its file.
//
// In:      the encoder notes an end per record while it writes; the batch notes a run per block.
// Out:     with this a body can be cut at its records: the bytes of a part, the bytes of the files
//          that it stands for, and the place that a dead letter names. Compressors may look at it.
// Owns:    8 bytes per record and about 60 per run of records of one block; travels with the parcel
//          and counts as held by its lane.
// Thread:  with its batch or parcel.
// Limits:  bodies and blocks below 4 GiB. A line that becomes several records gives its bytes to
//          the first of them, the others stand for none.
// Why so:  a refused body is rare, and noting where records end is two stores per record; finding
//          it out later would need a parser per format and could not tell which bytes of which file
//          a record came from.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/check.h"
#include "sluice/ids.h"
#include "sluice/units.h"

namespace sluice {

// The end of one record. Not initialised on purpose: tables are made large and filled as needed.
struct RecordEnd {
  uint32_t encoded;  // in the body, behind its last byte; the next record's separator comes there
  uint32_t raw;      // in the block whose line it was, behind the newline
};

// No format of ours writes a record in fewer bytes; so many entries a table must have.
inline constexpr size_t kRecordBytesLeast = 64;

// Records [first, last] of a body, by number; `end` is behind the last.
struct RecordRange {
  uint32_t first = 0;
  uint32_t end = 0;

  uint32_t size() const { return end - first; }
  bool empty() const { return first == end; }
  friend bool operator==(const RecordRange&, const RecordRange&) = default;
};

// Successive records that come from one block.
struct RecordRun {
  TailId tail;
  Epoch epoch;
  FileOffset base;          // of the block's first byte
  uint32_t raw_begin = 0;   // in the block, where the first record's line begins
  uint32_t first = 0;       // number of the first record
  uint32_t path_begin = 0;  // in RecordTable::paths
  uint32_t path_bytes = 0;
  Digest128 seed;  // of the ids of its records
};

// What lies round the records of a body: open r0 separator r1 ... close. Static storage.
struct BodyFrame {
  std::string_view open;
  std::string_view separator;
  std::string_view close;
};

// Where a record came from.
struct RecordPlace {
  Span span;  // without a proof; empty for a further record of a line
  std::string_view path;
  Digest128 seed;
};

struct RecordTable {
  std::vector<RecordRun> runs;  // ascending
  std::vector<RecordEnd> ends;  // one per record
  std::string paths;            // of the runs, one behind the other

  uint32_t size() const { return static_cast<uint32_t>(ends.size()); }
  size_t memory_bytes() const {
    return runs.size() * sizeof(RecordRun) + ends.size() * sizeof(RecordEnd) + paths.size();
  }

  // Where the text of records begins and ends in the body, separators before and behind left out.
  // REQUIRES: a range of this table that is not empty.
  size_t encoded_begin(uint32_t record, const BodyFrame& frame) const {
    return record == 0 ? frame.open.size() : ends[record - 1].encoded + frame.separator.size();
  }
  size_t encoded_end(uint32_t record) const { return ends[record].encoded; }
  // Of a body of its own that holds just these records.
  size_t encoded_bytes(RecordRange range, const BodyFrame& frame) const {
    SLUICE_CHECK(range.first < range.end && range.end <= size(), "records of this table");
    return frame.open.size() + encoded_end(range.end - 1) - encoded_begin(range.first, frame) +
           frame.close.size();
  }

  RecordPlace place(uint32_t record) const {
    const auto next =
        std::upper_bound(runs.begin(), runs.end(), record,
                         [](uint32_t number, const RecordRun& run) { return number < run.first; });
    SLUICE_CHECK(next != runs.begin() && record < size(), "every record is of a run");
    const RecordRun& run = *(next - 1);
    const uint32_t begin = record == run.first ? run.raw_begin : ends[record - 1].raw;
    RecordPlace place;
    place.span = {run.tail, run.epoch, run.base + Bytes(begin), run.base + Bytes(ends[record].raw)};
    place.path = std::string_view(paths).substr(run.path_begin, run.path_bytes);
    place.seed = run.seed;
    return place;
  }
};

}  // namespace sluice

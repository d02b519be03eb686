// SPDX-License-Identifier: Apache-2.0
// line_block.h — whole lines of one file with their index: what a read becomes, what an encoder
// reads.
//
// In:      a read buffer, cut at its last newline by the shard that read it.
// Out:     processors and encoders borrow the block; the shard that encoded it gives the buffer
//          home.
// Owns:    its buffer from the pool (bytes and line index lie in it, preallocated). Thread: one
//          shard at a time; it changes hands through the BlockQueue.
// Limits:  kBlockBytes of text and kBlockLinesMax lines; what is over is read again. One line
//          longer than a block comes in an oversize buffer of its own, up to `max_line`, then in
//          marked pieces.
// Why so:  all that is constant for a block (path, labels, time of reading, record id seed) is
//          known once here, so that an encoder copies an envelope per line and computes nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sluice/ids.h"
#include "sluice/line_form.h"
#include "sluice/units.h"

namespace sluice {

inline constexpr size_t kBlockBytes = size_t{256} << 10;
// 16 bytes per line on average fill both bounds at once; denser blocks are cut at this many lines.
inline constexpr uint32_t kBlockLinesMax = 16 << 10;

// What is constant for one epoch of one tail. Immutable after it is made.
// Lifetime: lives until the last block and parcel of its epoch are home (shared by reference count
// in the tail's shell, borrowed here).
struct TailOrigin {
  TailId tail;
  Epoch epoch;
  SourceId source;
  DestinationId destination;
  ShardId home;      // the shard that reads the file
  std::string path;  // as discovered, for the record
  std::string host;
  std::vector<std::pair<std::string, std::string>> labels;
  Digest128 id_seed;  // of host id, file identity and epoch: see record ids
  LineForm form;
  bool strip_cr = true;
  bool ordered = false;  // blocks stay on their shard, one parcel in flight (order: file)

  mutable std::atomic<int32_t> blocks_out{0};  // blocks that refer to it, on whatever shard
  mutable std::atomic<bool> at_risk{false};    // the file was rotated or deleted
};

struct LineBlock {
  const TailOrigin* origin = nullptr;
  const uint8_t* bytes = nullptr;       // text of the lines, newlines included
  const uint32_t* line_ends = nullptr;  // offset just after each line, ascending; last == size
  uint32_t line_count = 0;
  uint32_t head_bytes = 0;  // valid bytes of the file just before bytes[0]
  FileOffset first_offset;  // of bytes[0] in the file
  WallTime read_at;         // the timestamp of its records
  MonoTime read_at_mono;
  // How the block's edges deviate from whole lines (only with one-line blocks):
  bool first_is_continuation = false;  // the line began in an earlier, over-long piece
  bool last_is_partial = false;        // no newline: over-long piece, or the end of a rotated file
  int32_t buffer = -1;                 // index in its pool; for the pool only
  // The home shard's count of buffers that this destination holds there; goes down by one when the
  // buffer goes home, so that a destination that is stuck cannot keep the buffers of the others.
  std::atomic<int32_t>* buffers_held = nullptr;

  size_t size() const { return line_count == 0 ? 0 : line_ends[line_count - 1]; }
  uint32_t line_begin(uint32_t line) const { return line == 0 ? 0 : line_ends[line - 1]; }
  FileOffset offset_of(uint32_t line) const { return first_offset + Bytes(line_begin(line)); }
};

}  // namespace sluice

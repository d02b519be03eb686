// SPDX-License-Identifier: Apache-2.0
// read_buffer.h — the fixed set of buffers that reads land in; no free buffer means no read.
//
// In:      a shard that wants to read; a buffer whose block has been encoded, from any shard.
// Out:     a buffer with head-room for the marker, text, a line index, and room for its LineBlock.
// Owns:    all of the memory, from before the first read until after the last ring is gone.
// Thread:  take() of a shard on that shard's thread; take_oversize(), at() and give() on any.
//          Lock-free. A buffer has one user at a time; it travels with its block.
// Limits:  a number fixed by the memory plan. Each buffer has a home shard and returns there, so
//          one shard cannot take the buffers of another, and a ring registers only its own.
// Rate:    one virtual call per block.
// Why so:  backpressure needs no code: when the lines of all buffers wait, nothing is read, and the
//          data stays in the file where it already lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sluice/ids.h"
#include "sluice/line_block.h"

namespace sluice {

// Bytes after the text that may be read (never written, never meaningful): SIMD kernels load whole
// vectors.
inline constexpr size_t kReadSlackBytes = 64;

struct ReadBuffer {
  // Constant after construction:
  int32_t index = -1;       // in the pool; a published block carries it as LineBlock::buffer
  int32_t registered = -1;  // for ReadRequest::registered_buffer on the home shard's ring; -1: none
  ShardId home;
  bool oversize = false;  // for a line longer than kBlockBytes: text is max_line or more
  // kBlockBytes of text. The Marker::kBytesMax bytes just before text.data() belong to the buffer
  // too and lie in the same registered memory; so do kReadSlackBytes bytes after it.
  std::span<std::byte> text;
  std::span<uint32_t> line_ends;  // kBlockLinesMax entries; not initialised

  // The user's:
  LineBlock block;  // reset by the pool at take(), with block.buffer = index

  // The last `bytes` of the head-room and the text after it: where a read that begins before the
  // block lands. REQUIRES: head_bytes <= Marker::kBytesMax.
  std::span<std::byte> text_with_head(size_t head_bytes) const {
    return {text.data() - head_bytes, text.size() + head_bytes};
  }
};

class ReadBuffers {
 public:
  virtual ~ReadBuffers() = default;

  // A free buffer of this shard; null when all are in use. Its contents are undefined.
  virtual ReadBuffer* take(ShardId shard) = 0;
  // A buffer for one line longer than a block; null when all few of them are in use. They are
  // shared by all shards and not registered.
  virtual ReadBuffer* take_oversize() = 0;
  // The buffer that holds a block: at(block.buffer). Does not change hands.
  virtual ReadBuffer* at(int32_t index) = 0;
  // REQUIRES: taken, no read into it in flight, and nobody reads its block any more.
  virtual void give(ReadBuffer* buffer) = 0;
};

}  // namespace sluice

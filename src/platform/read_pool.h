// SPDX-License-Identifier: Apache-2.0
// read_pool.h — the memory that reads land in: one mapping, cut into buffers, mapped lazily.
//
// In:      how many buffers each shard has, how many oversize ones all share, the longest line.
// Out:     ReadBuffers, and the pieces that a shard's ring registers.
// Owns:    the mapping. One buffer in it:
//            | line index 64 KiB | head-room 64 B | text | slack 64 B | rest of page | guard page |
//          The head-room begins a page, because that is where a read with its marker lands; a
//          write beyond the page ends the process instead of spoiling the neighbour.
// Thread:  as ReadBuffers. The set of free buffers is a bit each, lowest first: no allocation, and
//          the memory that is warm is used again first.
// Limits:  kBuffersPerShardMax. Pages become resident when they are touched or registered;
//          oversize ones are given back to the system after each use.
// Fails:   create(), when the kernel refuses the mapping.
// Why so:  a shard that found no buffer is woken when one of its own comes home, because the thief
//          that encoded its block on another core knows nothing about it.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "sluice/read_buffer.h"
#include "sluice/result.h"
#include "sluice/waker.h"

namespace sluice {

inline constexpr int32_t kBuffersPerShardMax = 64;

struct ReadPoolShape {
  int32_t shards = 1;
  int32_t buffers_per_shard = 4;  // 1 to kBuffersPerShardMax
  int32_t oversize = 0;           // 0 to kBuffersPerShardMax
  size_t oversize_text_bytes = 0;
};

// What one buffer takes of the memory plan.
size_t read_buffer_bytes(size_t text_bytes);

class ReadPool final : public ReadBuffers {
 public:
  static Result<std::unique_ptr<ReadPool>> create(const ReadPoolShape& shape);
  ~ReadPool() override;
  ReadPool(const ReadPool&) = delete;
  ReadPool& operator=(const ReadPool&) = delete;

  // Before the threads start. The waker lives as long as the pool is used.
  void set_waker(ShardId shard, Waker* waker);
  // What the shard's ring registers; the position is ReadBuffer::registered.
  std::vector<iovec> registrations(ShardId shard) const;
  size_t free_count(ShardId shard) const;
  size_t mapped_bytes() const { return mapped_bytes_; }

  ReadBuffer* take(ShardId shard) override;
  ReadBuffer* take_oversize() override;
  ReadBuffer* at(int32_t index) override;
  void give(ReadBuffer* buffer) override;

 private:
  // The free buffers of one home: bit i is the buffer `first + i`.
  struct alignas(64) Home {
    std::atomic<uint64_t> free{0};
    std::atomic<bool> starving{false};  // somebody asked in vain since the last buffer came home
    int32_t first = 0;
    Waker* waker = nullptr;
  };

  ReadPool(const ReadPoolShape& shape, std::byte* memory, size_t mapped_bytes);
  void lay_out(size_t index, std::byte* at, size_t text_bytes);
  ReadBuffer* take_from(Home& home);
  void wake_starving(Home& home, bool oversize);
  Home& home_of(const ReadBuffer& buffer);

  const ReadPoolShape shape_;
  std::byte* const memory_;
  const size_t mapped_bytes_;
  std::unique_ptr<Home[]> homes_;  // one per shard, and a last one for the oversize buffers
  std::vector<ReadBuffer> buffers_;
};

}  // namespace sluice

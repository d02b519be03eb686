// SPDX-License-Identifier: Apache-2.0
// mpmc_block_queue.h — the block queue between shards, on moodycamel::ConcurrentQueue.
//
// In:      blocks, published by the shard that read them.
// Out:     a shard's own blocks, oldest first; another shard's, from the one with the most.
// Owns:    nothing but room for the pointers. Blocks lie in their read buffers.
// Thread:  publish() and take_own() of a shard on its thread; steal() and waiting() on any.
// Limits:  as many blocks as there are read buffers. Memory for them is there from the start; in a
//          rare race of thieves the queue allocates one piece more and keeps it.
// Why so:  one queue with a token per shard, so that one's own blocks (warm in this core's cache)
//          can be taken apart from the others'. Blocks that must keep their file's order are never
//          offered to other shards: they wait in a plain ring of their own, taken in turn with the
//          shared ones so that neither kind holds up the other.
#pragma once

#include <concurrentqueue.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "sluice/channel.h"

namespace sluice {

class MpmcBlockQueue final : public BlockQueue {
 public:
  // `blocks_max`: all that can exist at a time.
  MpmcBlockQueue(uint32_t shards, size_t blocks_max);

  void publish(ShardId shard, LineBlock* block) override;
  LineBlock* take_own(ShardId shard) override;
  LineBlock* steal(ShardId shard) override;
  // All that wait at this shard. Exact on its own thread, a moment old on others.
  size_t waiting(ShardId shard) const override;

 private:
  struct alignas(64) Seat {
    std::atomic<int64_t> shared{0};
    std::atomic<int64_t> ordered{0};  // size of the ring
    // The shard's thread only:
    std::vector<LineBlock*> ring;
    size_t ring_first = 0;
    bool ordered_next = false;
  };

  LineBlock* take_shared(uint32_t shard);
  LineBlock* take_ordered(Seat& seat);

  moodycamel::ConcurrentQueue<LineBlock*> queue_;
  std::vector<moodycamel::ProducerToken> tokens_;
  const uint32_t shards_;
  std::unique_ptr<Seat[]> seats_;
};

}  // namespace sluice

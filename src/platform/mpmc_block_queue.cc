// SPDX-License-Identifier: Apache-2.0
#include "platform/mpmc_block_queue.h"

#include "sluice/check.h"
#include "sluice/line_block.h"

namespace sluice {
namespace {

constexpr size_t kSlots = moodycamel::ConcurrentQueueDefaultTraits::BLOCK_SIZE;

}  // namespace

// The queue's memory goes round in pieces of kSlots, and a thief that was preempted while it took
// an element keeps a whole piece from being used again: so one more for every shard.
MpmcBlockQueue::MpmcBlockQueue(uint32_t shards, size_t blocks_max)
    : queue_(blocks_max + kSlots * (shards + size_t{3}), shards, 0),
      shards_(shards),
      seats_(std::make_unique<Seat[]>(shards)) {
  SLUICE_CHECK(shards > 0 && blocks_max > 0, "somebody publishes something");
  tokens_.reserve(shards);
  for (uint32_t i = 0; i < shards; ++i) {
    tokens_.emplace_back(queue_);
    seats_[i].ring.resize(blocks_max);
  }
}

void MpmcBlockQueue::publish(ShardId shard, LineBlock* block) {
  SLUICE_CHECK(shard.value < shards_, "a shard of this agent");
  SLUICE_CHECK(block != nullptr && block->origin != nullptr, "a block of some file");
  Seat& seat = seats_[shard.value];
  if (block->origin->ordered) {
    const auto size = static_cast<size_t>(seat.ordered.load(std::memory_order_relaxed));
    SLUICE_CHECK(size < seat.ring.size(), "there are no more blocks than buffers");
    seat.ring[(seat.ring_first + size) % seat.ring.size()] = block;
    seat.ordered.store(static_cast<int64_t>(size) + 1, std::memory_order_relaxed);
    return;
  }
  // Counted first: who sees the block must not find the count below it.
  seat.shared.fetch_add(1, std::memory_order_relaxed);
  if (queue_.try_enqueue(tokens_[shard.value], block)) return;
  // The memory is there for sure only per producer and not in sum: one piece more, once.
  SLUICE_CHECK(queue_.enqueue(tokens_[shard.value], block), "memory for the queue");
}

LineBlock* MpmcBlockQueue::take_shared(uint32_t shard) {
  LineBlock* block = nullptr;
  if (!queue_.try_dequeue_from_producer(tokens_[shard], block)) return nullptr;
  seats_[shard].shared.fetch_sub(1, std::memory_order_relaxed);
  return block;
}

LineBlock* MpmcBlockQueue::take_ordered(Seat& seat) {
  const int64_t size = seat.ordered.load(std::memory_order_relaxed);
  if (size == 0) return nullptr;
  LineBlock* block = seat.ring[seat.ring_first];
  seat.ring_first = (seat.ring_first + 1) % seat.ring.size();
  seat.ordered.store(size - 1, std::memory_order_relaxed);
  return block;
}

LineBlock* MpmcBlockQueue::take_own(ShardId shard) {
  SLUICE_CHECK(shard.value < shards_, "a shard of this agent");
  Seat& seat = seats_[shard.value];
  seat.ordered_next = !seat.ordered_next;
  LineBlock* block = seat.ordered_next ? take_ordered(seat) : take_shared(shard.value);
  if (block != nullptr) return block;
  return seat.ordered_next ? take_shared(shard.value) : take_ordered(seat);
}

LineBlock* MpmcBlockQueue::steal(ShardId shard) {
  SLUICE_CHECK(shard.value < shards_, "a shard of this agent");
  uint32_t fullest = shard.value;
  int64_t most = 0;
  for (uint32_t i = 0; i < shards_; ++i) {
    const int64_t here = seats_[i].shared.load(std::memory_order_relaxed);
    if (i == shard.value || here <= most) continue;
    most = here;
    fullest = i;
  }
  if (fullest == shard.value) return nullptr;
  // A rival may be faster: then from whoever still has one.
  for (uint32_t i = 0; i < shards_; ++i) {
    const uint32_t victim = (fullest + i) % shards_;
    if (victim == shard.value || seats_[victim].shared.load(std::memory_order_relaxed) == 0) {
      continue;
    }
    if (LineBlock* block = take_shared(victim)) return block;
  }
  return nullptr;
}

size_t MpmcBlockQueue::waiting(ShardId shard) const {
  SLUICE_CHECK(shard.value < shards_, "a shard of this agent");
  const Seat& seat = seats_[shard.value];
  const int64_t all =
      seat.shared.load(std::memory_order_relaxed) + seat.ordered.load(std::memory_order_relaxed);
  return all > 0 ? static_cast<size_t>(all) : 0;
}

}  // namespace sluice

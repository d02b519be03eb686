// SPDX-License-Identifier: Apache-2.0
// mpmc_channel.h — a Channel between real threads, on moodycamel::ConcurrentQueue.
//
// In:      values, each producer under its own index and with its own token.
// Out:     values; per producer in order.
// Owns:    what is inside, and memory for `capacity` values, allocated when it is made. In rare
//          races, and for a producer that fills more than 256 pieces of 32, the queue allocates one
//          piece more and keeps it.
// Thread:  any number of consumers; one thread per producer index. Lock-free.
// Limits:  `capacity` values at most; with several producers at the very limit push() may answer
//          false one value early.
// Fails:   push() when full. The value is gone then, so who cannot lose it asks for room first.
// Why so:  a token per producer makes a push one store into memory that only this producer writes,
//          and keeps each producer's order. The count is kept here because the queue's own is a
//          guess, and "full" must mean something.
#pragma once

#include <concurrentqueue.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "sluice/channel.h"
#include "sluice/check.h"

namespace sluice {

struct ChannelTraits : public moodycamel::ConcurrentQueueDefaultTraits {
  static constexpr size_t EXPLICIT_INITIAL_INDEX_SIZE = 256;
};

template <class T>
class MpmcChannel final : public Channel<T> {
 public:
  MpmcChannel(size_t capacity, uint32_t producers)
      : capacity_(static_cast<int64_t>(capacity)), queue_(capacity, producers, 0) {
    SLUICE_CHECK(capacity > 0 && producers > 0, "a channel that something can go through");
    tokens_.reserve(producers);
    for (uint32_t i = 0; i < producers; ++i) tokens_.emplace_back(queue_);
  }

  bool push(uint32_t producer, T value) override {
    SLUICE_CHECK(producer < tokens_.size(), "every producer has an index of its own");
    if (size_.fetch_add(1, std::memory_order_relaxed) >= capacity_) {
      size_.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    // Leaves the value alone when it answers false: a consumer that was preempted while it took an
    // element keeps a piece of the queue's memory from being used again.
    if (queue_.try_enqueue(tokens_[producer], std::move(value))) return true;
    const bool queued =
        queue_.enqueue(tokens_[producer], std::move(value));  // NOLINT(bugprone-use-after-move)
    SLUICE_CHECK(queued, "memory for the queue");
    return true;
  }

  bool pop(T& value) override {
    if (!queue_.try_dequeue(value)) return false;
    size_.fetch_sub(1, std::memory_order_relaxed);
    return true;
  }

  size_t size_approx() const override {
    const int64_t size = size_.load(std::memory_order_relaxed);
    return size > 0 ? static_cast<size_t>(size) : 0;
  }

 private:
  const int64_t capacity_;
  std::atomic<int64_t> size_{0};
  moodycamel::ConcurrentQueue<T, ChannelTraits> queue_;
  std::vector<moodycamel::ProducerToken> tokens_;
};

}  // namespace sluice

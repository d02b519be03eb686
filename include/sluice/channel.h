// SPDX-License-Identifier: Apache-2.0
// channel.h — the doors between threads. There is no other way from one shell to another.
//
// In:      values pushed by producers, each under its own index (a shard, a lane, the steward).
// Out:     values popped by the consumer; per producer in order, across producers in any order.
// Owns:    the values while they are inside. Preallocated for `capacity` values.
// Thread:  any number of producers and consumers, lock-free; one thread per producer index.
// Limits:  push() answers false when full. Where the number of things that exist is smaller than
//          the capacity that is a bug and the caller checks; elsewhere the caller keeps the value.
// Rate:    per block, per parcel, per file event: never per line.
// Why so:  two implementations need one shape (real threads and the simulated world), and one
//          virtual call per 256 KiB is nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sluice/ids.h"

namespace sluice {

template <class T>
class Channel {
 public:
  virtual ~Channel() = default;
  virtual bool push(uint32_t producer, T value) = 0;
  virtual bool pop(T& value) = 0;
  virtual size_t size_approx() const = 0;
};

struct LineBlock;

// The block queue between shards: every shard publishes its own blocks and takes any.
class BlockQueue {
 public:
  virtual ~BlockQueue() = default;
  virtual void publish(ShardId shard, LineBlock* block) = 0;
  // This shard's own oldest block; null if it has none.
  virtual LineBlock* take_own(ShardId shard) = 0;
  // Some block of another shard that may be processed anywhere; null if there is none.
  virtual LineBlock* steal(ShardId shard) = 0;
  virtual size_t waiting(ShardId shard) const = 0;
};

}  // namespace sluice

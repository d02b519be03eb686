// SPDX-License-Identifier: Apache-2.0
// sim_doors.h — channels, block queue, read buffers and wakers of a simulated agent.
//
// In:      what shells push, publish, take and give; the oracle listens at each door.
// Out:     the same values, in order per producer; a wake becomes a flag of the sleeper.
// Owns:    values inside, and the memory of all read buffers.
// Thread:  one.
// Limits:  those of the real doors: a full channel refuses, an empty pool gives nothing.
// Why so:  everything that a crash forgets lies in these objects, so a crash is their destructor.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "plan.h"
#include "sluice/channel.h"
#include "sluice/check.h"
#include "sluice/read_buffer.h"
#include "sluice/waker.h"
#include "witness.h"

namespace sluice::sim {

class SimWaker final : public Waker {
 public:
  void wake() noexcept override { woken = true; }
  bool woken = false;
};

template <class T>
class SimChannel final : public Channel<T> {
 public:
  explicit SimChannel(size_t capacity) : capacity_(capacity) {}

  bool push(uint32_t, T value) override {
    if (values_.size() >= capacity_) return false;
    if (on_push) on_push(value);
    values_.push_back(std::move(value));
    return true;
  }
  bool pop(T& value) override {
    if (values_.empty()) return false;
    value = std::move(values_.front());
    values_.pop_front();
    return true;
  }
  size_t size_approx() const override { return values_.size(); }

  std::function<void(const T&)> on_push;

 private:
  const size_t capacity_;
  std::deque<T> values_;
};

class SimBlockQueue final : public BlockQueue {
 public:
  SimBlockQueue(size_t shards, Witness& witness) : seats_(shards), witness_(witness) {}

  void publish(ShardId shard, LineBlock* block) override {
    on_publish(*block);
    Seat& seat = seats_[shard.value];
    (block->origin->ordered ? seat.ordered : seat.shared).push_back(block);
    if (after_publish) after_publish(shard);
  }
  LineBlock* take_own(ShardId shard) override {
    Seat& seat = seats_[shard.value];
    seat.ordered_next = !seat.ordered_next;
    auto& first = seat.ordered_next ? seat.ordered : seat.shared;
    auto& second = seat.ordered_next ? seat.shared : seat.ordered;
    return pop(first.empty() ? second : first);
  }
  LineBlock* steal(ShardId shard) override {
    for (size_t i = 1; i < seats_.size(); ++i) {
      auto& victim = seats_[(shard.value + i) % seats_.size()].shared;
      if (victim.empty()) continue;
      witness_.saw(Rare::kBlockStolen);
      return pop(victim);
    }
    return nullptr;
  }
  size_t waiting(ShardId shard) const override {
    return seats_[shard.value].shared.size() + seats_[shard.value].ordered.size();
  }

  std::function<void(const LineBlock&)> on_publish;
  std::function<void(ShardId)> after_publish;

 private:
  struct Seat {
    std::deque<LineBlock*> shared, ordered;
    bool ordered_next = false;
  };
  static LineBlock* pop(std::deque<LineBlock*>& queue) {
    if (queue.empty()) return nullptr;
    LineBlock* block = queue.front();
    queue.pop_front();
    return block;
  }

  std::vector<Seat> seats_;
  Witness& witness_;
};

class SimBuffers final : public ReadBuffers {
 public:
  SimBuffers(const Plan& plan, Witness& witness, std::vector<SimWaker*> wakers);

  ReadBuffer* take(ShardId shard) override;
  ReadBuffer* take_oversize() override;
  ReadBuffer* at(int32_t index) override { return &rooms_[static_cast<size_t>(index)]->buffer; }
  void give(ReadBuffer* buffer) override;

  size_t taken() const { return taken_; }

 private:
  struct Room {
    ReadBuffer buffer;
    std::vector<std::byte> memory;
    std::vector<uint32_t> line_ends;
    bool free = true;
  };
  Room& make_room(size_t text_bytes, uint32_t lines);
  ReadBuffer* take_first(int32_t begin, int32_t end);

  Witness& witness_;
  const std::vector<SimWaker*> wakers_;
  const int32_t per_shard_;
  std::vector<std::unique_ptr<Room>> rooms_;
  std::vector<bool> starving_;  // per shard; the last one: for oversize buffers
  size_t taken_ = 0;
};

}  // namespace sluice::sim

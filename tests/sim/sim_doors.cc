// SPDX-License-Identifier: Apache-2.0
#include "sim_doors.h"

#include <cstring>
#include <new>

#include "sluice/ids.h"

namespace sluice::sim {

SimBuffers::SimBuffers(const Plan& plan, Witness& witness, std::vector<SimWaker*> wakers)
    : witness_(witness), wakers_(std::move(wakers)), per_shard_(plan.buffers) {
  for (int shard = 0; shard < plan.shards; ++shard) {
    for (int i = 0; i < plan.buffers; ++i) {
      make_room(plan.block_bytes, plan.block_lines).buffer.home =
          ShardId(static_cast<uint32_t>(shard));
    }
  }
  for (int i = 0; i < plan.oversize_buffers; ++i)
    make_room(plan.line_bytes_max + 2, 64).buffer.oversize = true;
  starving_.assign(static_cast<size_t>(plan.shards) + 1, false);
}

SimBuffers::Room& SimBuffers::make_room(size_t text_bytes, uint32_t lines) {
  Room& room = *rooms_.emplace_back(std::make_unique<Room>());
  room.memory.resize(Marker::kBytesMax + text_bytes + kReadSlackBytes);
  room.line_ends.resize(lines);
  room.buffer.index = static_cast<int32_t>(rooms_.size()) - 1;
  room.buffer.text = std::span(room.memory).subspan(Marker::kBytesMax, text_bytes);
  room.buffer.line_ends = room.line_ends;
  return room;
}

ReadBuffer* SimBuffers::take(ShardId shard) {
  const auto begin = static_cast<int32_t>(shard.value) * per_shard_;
  ReadBuffer* buffer = take_first(begin, begin + per_shard_);
  if (buffer == nullptr) starving_[shard.value] = true;
  return buffer;
}

ReadBuffer* SimBuffers::take_oversize() {
  const auto shards = static_cast<int32_t>(wakers_.size());
  ReadBuffer* buffer = take_first(shards * per_shard_, static_cast<int32_t>(rooms_.size()));
  if (buffer == nullptr) starving_.back() = true;
  witness_.saw(buffer == nullptr ? Rare::kLongLineWaits : Rare::kOversizeLine);
  return buffer;
}

ReadBuffer* SimBuffers::take_first(int32_t begin, int32_t end) {
  for (int32_t i = begin; i < end; ++i) {
    Room& room = *rooms_[static_cast<size_t>(i)];
    if (!room.free) continue;
    room.free = false;
    ++taken_;
    // Nobody may count on what is in a fresh buffer.
    std::memset(room.memory.data(), 0xEE, room.memory.size());
    LineBlock* block = &room.buffer.block;
    block->~LineBlock();
    new (block) LineBlock();
    block->buffer = i;
    return &room.buffer;
  }
  return nullptr;
}

void SimBuffers::give(ReadBuffer* buffer) {
  Room& room = *rooms_[static_cast<size_t>(buffer->index)];
  if (room.free) return witness_.violation("I7 BOUND", "a buffer is given home twice");
  room.free = true;
  --taken_;
  std::memset(room.memory.data(), 0xDD, room.memory.size());
  const size_t who = buffer->oversize ? wakers_.size() : size_t{buffer->home.value};
  if (!starving_[who]) return;
  starving_[who] = false;
  for (size_t i = 0; i < wakers_.size(); ++i) {
    if (buffer->oversize || i == who) wakers_[i]->wake();
  }
}

}  // namespace sluice::sim

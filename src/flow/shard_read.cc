// SPDX-License-Identifier: Apache-2.0
// How reads become blocks: which tail is read next, what a completion means for it.
#include <algorithm>
#include <array>
#include <utility>

#include "flow/shard.h"
#include "flow/shard_parts.h"
#include "flow/split/framer.h"
#include "flow/split/record_index.h"
#include "sluice/check.h"
#include "sluice/planted.h"

namespace sluice {
namespace {

std::span<const uint8_t> as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace

bool Shard::readable(const Seat& seat) {
  return seat.tail.mode() == TailMode::kReady && !seat.tail.releasing();
}

void Shard::take_reads(MonoTime now, WallTime wall) {
  std::array<ReadDone, 16> done;
  for (;;) {
    const size_t count = parts_.io->reap(done);
    for (size_t i = 0; i < count; ++i) take_read(done[i], now, wall);
    if (count < done.size()) return;
  }
}

void Shard::take_read(const ReadDone& done, MonoTime now, WallTime wall) {
  const bool stale = planted(Planted::kStaleCompletionTaken);
  const auto found = stale ? flights_.begin() : flights_.find(static_cast<int32_t>(done.tag));
  SLUICE_CHECK(found != flights_.end(), "every completion belongs to a read in flight");
  const Flight flight = found->second;
  flights_.erase(found);
  Seat& seat = *flight.seat;
  ReadBuffer& buffer = *flight.buffer;
  parts_.metrics->reads.add();
  bool kept = false;
  if (seat.tail.releasing()) {
    seat.tail.read_void();
  } else if (seat.replaced) {
    replace_content(seat, now);
  } else if (done.result < 0) {
    parts_.metrics->read_errors.add();
    seat.tail.read_failed(now);
    report(ShardReport::Kind::kTrouble, seat.tail, Bytes(0), -done.result);
  } else if (flight.wish.asks_for_end) {
    seat.tail.told_end(done.result == 0, now);
  } else {
    kept = take_text(seat, buffer, flight.wish, static_cast<size_t>(done.result), now, wall);
  }
  const bool leaks = planted(Planted::kBufferLostOnReadError) && done.result < 0;
  if (!kept && !leaks) drop_buffer(*seat.road, buffer);
  if (seat.tail.mode() == TailMode::kCold) {
    report(ShardReport::Kind::kCold, seat.tail, seat.tail.unfinished(), 0);
  }
  list(seat);
}

// Returns whether the buffer went on as a block.
bool Shard::take_text(Seat& seat, ReadBuffer& buffer, const ReadWish& wish, size_t read_bytes,
                      MonoTime now, WallTime wall) {
  Tail& tail = seat.tail;
  const auto all = as_text(buffer.text_with_head(wish.marker_bytes)).first(read_bytes);
  const auto head = all.first(std::min<size_t>(read_bytes, wish.marker_bytes));
  switch (tail.look(head)) {
    case Look::kSame:
      break;
    case Look::kDoubtful:
      tail.read_short(head.size());
      return false;
    case Look::kReplaced:
      replace_content(seat, now);
      return false;
  }
  const auto text = all.subspan(wish.marker_bytes);
  if (tail.position() == FileOffset(0) && is_compressed(text)) {
    refuse(seat, now);
    return false;
  }
  const bool reached_end =
      text.size() < buffer.text.size() + (planted(Planted::kOffByOneAtBufferEnd) ? 1 : 0);
  const LineForm form = tail.origin().form;
  if (wish.behind_hole) {
    pass_hole(seat, wish, text, reached_end, now);
    return false;
  }
  const bool continuation = !ends_with_newline(head, tail.position(), form) && !follows_hole(head);
  const bool may_be_hole = !continuation && !text.empty() && text.front() == 0;
  if (may_be_hole && meet_hole(seat, text, now)) return false;
  const FrameRules rules{parts_.sources[seat.spec.source.value].line_bytes_max,
                         wish.flush_unfinished && text.size() == wish.unfinished_bytes, form,
                         tail.position(), continuation};
  const FrameCut cut = frame(text, reached_end, rules, buffer.line_ends);
  if (cut.line_count == 0) {
    if (cut.next == FrameNext::kMoreRoom) {
      tail.needs_more_room();
    } else {
      tail.reached_end(cut.unfinished_bytes, now);
    }
    return false;
  }
  buffer.block.bytes = text.data();
  buffer.block.head_bytes = wish.marker_bytes;
  buffer.block.first_offset = tail.position();
  buffer.block.read_at = wall;
  buffer.block.read_at_mono = now;
  tail.took(Bytes(static_cast<int64_t>(cut.bytes)), all.first(wish.marker_bytes + cut.bytes), now);
  if (cut.next == FrameNext::kAwaitGrowth && tail.mode() == TailMode::kReady) {
    tail.reached_end(cut.unfinished_bytes, now);
  }
  publish(seat, buffer, cut, continuation);
  return true;
}

void Shard::publish(Seat& seat, ReadBuffer& buffer, const FrameCut& cut, bool continuation) {
  LineBlock& block = buffer.block;
  block.origin = &seat.tail.origin();
  block.line_ends = buffer.line_ends.data();
  block.line_count = cut.line_count;
  block.first_is_continuation = continuation;
  block.last_is_partial = cut.last_is_partial;
  block.buffer = buffer.index;
  block.buffers_held = &seat.road->buffers_held;
  block.origin->blocks_out.fetch_add(1, std::memory_order_relaxed);
  ShardMetrics& metrics = *parts_.metrics;
  metrics.read_bytes.add(static_cast<int64_t>(block.size()));
  if (cut.last_is_partial) {
    // A piece of an over-long line has more text behind it; an unfinished last line has none.
    const bool piece = cut.next == FrameNext::kGoOn;
    (piece ? metrics.split_lines : metrics.partial_lines).add();
  }
  parts_.blocks->publish(settings_.shard, &block);
  if (parts_.idle_shard != nullptr && parts_.blocks->waiting(settings_.shard) >= 2) {
    parts_.idle_shard->wake();
  }
}

// The steward takes it away.
void Shard::refuse(Seat& seat, MonoTime now) {
  seat.tail.reached_end(0, now);
  if (std::exchange(seat.refused, true)) return;
  report(ShardReport::Kind::kRefused, seat.tail, Bytes(0), 0);
}

void Shard::replace_content(Seat& seat, MonoTime now) {
  const Epoch next(seat.tail.origin().epoch.value + 1);
  seat.replaced = false;
  ShardReport report;
  report.kind = ShardReport::Kind::kNewEpoch;
  report.shard = settings_.shard;
  report.tail = seat.tail.id();
  report.epoch = next;
  report.offset = seat.tail.position();
  report.marker = seat.tail.marker();
  report.missed = seat.tail.replaced(make_origin(seat.spec, next), now);
  seat.tail.origin().at_risk = seat.tail.is_rotated();
  seat.tail.sweep_origins();
  parts_.metrics->truncations.add();
  send(report);
}

void Shard::start_reads(MonoTime now) {
  if (draining_) return;
  // One read per road and round, so that every destination gets its share of the ring.
  size_t without_read = 0;
  while (without_read < roads_.size()) {
    Road& road = *roads_[next_road_];
    next_road_ = (next_road_ + 1) % roads_.size();
    without_read = start_read(road, now) ? 0 : without_read + 1;
  }
}

// What cannot be read is at risk if it was rotated.
bool Shard::may_read(Road& road) {
  if (road.may_read()) return true;
  if (!std::exchange(road.probes_at_risk, false)) return false;
  for (Seat* seat : road.ready) count_at_risk(*seat);
  return road.may_read();
}

bool Shard::start_read(Road& road, MonoTime now) {
  road.awaits_oversize = false;
  // A released tail is not read again, or it could not be let go between two reads.
  while (!road.ready.empty() && !readable(*road.ready.front())) {
    road.ready.front()->listed_ready = false;
    road.ready.pop_front();
  }
  if (road.ready.empty()) return false;
  if (!may_read(road)) {
    parts_.metrics->credit_waits.add();
    return false;
  }
  if (flights_.size() >= parts_.io->reads_in_flight_max()) return false;
  if (road.buffers_held.load(std::memory_order_relaxed) >= buffers_per_road_) return false;
  for (size_t left = road.ready.size(); left > 0; --left) {
    Seat& seat = *road.ready.front();
    road.ready.pop_front();
    if (!readable(seat)) {
      seat.listed_ready = false;
      continue;
    }
    // The others can wait in their files.
    if (road.only_at_risk() && !seat.tail.is_rotated()) {
      road.ready.push_back(&seat);
      continue;
    }
    const bool oversize = seat.tail.wants_oversize();
    ReadBuffer* buffer =
        oversize ? parts_.buffers->take_oversize() : parts_.buffers->take(settings_.shard);
    if (buffer != nullptr) {
      submit_read(seat, *buffer, now);
      return true;
    }
    // Buffers for long lines are few and shared by all: the files behind this one need not wait.
    road.ready.push_back(&seat);
    if (!oversize) return false;
    road.awaits_oversize = true;
  }
  return false;
}

void Shard::submit_read(Seat& seat, ReadBuffer& buffer, MonoTime now) {
  seat.listed_ready = false;
  const ReadWish wish = seat.tail.begin_read(now);
  ReadRequest request;
  request.tag = static_cast<uint64_t>(buffer.index);
  request.file = seat.tail.file();
  request.offset = wish.offset;
  request.into = buffer.text_with_head(wish.marker_bytes);
  request.registered_buffer = buffer.registered;
  seat.road->buffers_held.fetch_add(1, std::memory_order_relaxed);
  flights_.emplace(buffer.index, Flight{&seat, &buffer, wish});
  SLUICE_CHECK(parts_.io->submit(request), "fewer reads in flight than the ring takes");
}

void Shard::drop_buffer(Road& road, ReadBuffer& buffer) {
  road.buffers_held.fetch_sub(1, std::memory_order_relaxed);
  parts_.buffers->give(&buffer);
}

}  // namespace sluice

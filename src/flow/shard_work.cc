// SPDX-License-Identifier: Apache-2.0
// How blocks become parcels: whose block is next, what goes into which body, when a body is closed.
#include <algorithm>
#include <cstring>
#include <limits>

#include "flow/shard.h"
#include "flow/shard_parts.h"
#include "sluice/check.h"
#include "sluice/planted.h"

namespace sluice {
namespace {

// A block costs about a millisecond; sockets and completions should not wait for more than a few.
constexpr int kBlocksPerTurn = 4;
// Bodies up to this size tell `level: auto` that the shard keeps up with ease. Raising it presses
// larger bodies with the thrifty level: at 10 MB/s that was 8 % of a core against 3 %.
constexpr size_t kCalmBodyBytes = size_t{32} << 10;

}  // namespace

LineBlock* Shard::next_block() {
  if (LineBlock* own = parts_.blocks->take_own(settings_.shard)) return own;
  // A shard that drains takes nothing new upon itself: it could not say honestly that it holds
  // nothing.
  if (draining_) return nullptr;
  LineBlock* stolen = parts_.blocks->steal(settings_.shard);
  if (stolen != nullptr) parts_.metrics->blocks_stolen.add();
  return stolen;
}

void Shard::work_blocks(MonoTime now) {
  for (auto& road : roads_) pump(*road, now);
  for (int worked = 0; worked < kBlocksPerTurn; ++worked) {
    LineBlock* block = next_block();
    if (block == nullptr) return;
    SLUICE_CHECK(block->line_count > 0, "a block holds lines");
    Road& road = *roads_[block->origin->destination.value];
    road.pending.push_back({block, 0});
    pump(road, now);
  }
}

void Shard::pump(Road& road, MonoTime now) {
  while (!road.pending.empty()) {
    if (!road.has_parcel_room()) {
      // At the end of the run what cannot be sealed is given back: the next run reads it again.
      if (draining_) finish_front(road);
      if (!draining_) return;
      continue;
    }
    if (encode_front(road, now)) finish_front(road);
  }
}

// Lines of plain text are encoded as they stand, others are read first, a list at a time.
EncodeStep Shard::encode_lines(Road& road, const LineBlock& block, uint32_t first_line,
                               uint32_t records_max) {
  BodyBuffer& body = road.batch.body();
  if (block.origin->form.is_plain())
    return road.parts.encoder->encode(block, first_line, records_max, body);
  SLUICE_CHECK(reader_ != nullptr, "some source is not plain text");
  EncodeStep all;
  all.next_line = first_line;
  while (all.next_line < block.line_count && all.records < records_max) {
    const auto list = reader_->read(block, all.next_line, records_max - all.records);
    // Several records of one line: the body has room for them, but its bound does not.
    if (all.records + list.records.size() > records_max && body.size > 0) break;
    const EncodeStep step = road.parts.encoder->encode_records(block, list.records, body);
    all.next_line = step.next_line;
    all.records += step.records;
    all.replaced_sequences += step.replaced_sequences;
    all.unparsed += step.unparsed;
    if (step.next_line < list.next_line) break;
  }
  return all;
}

// Encodes lines of the first waiting block into the open body. Returns whether the block is done.
bool Shard::encode_front(Road& road, MonoTime now) {
  Road::Work& work = road.pending.front();
  const LineBlock& block = *work.block;
  Batch& batch = road.batch;
  if (batch.empty()) batch.body().soft_limit = road.body_bytes();
  const Lines lines_max = road.parts.rules.lines_max;
  const auto room = lines_max == Lines(0)
                        ? std::numeric_limits<uint32_t>::max()
                        : static_cast<uint32_t>((lines_max - batch.lines()).value);
  const EncodeStep step = encode_lines(road, block, work.next_line, room);
  SLUICE_CHECK(step.next_line > work.next_line || !batch.empty(), "an empty body takes any line");
  ShardMetrics& metrics = *parts_.metrics;
  metrics.replaced_sequences.add(static_cast<int64_t>(step.replaced_sequences));
  if (step.next_line > work.next_line) {
    metrics.lines.add(step.records);
    metrics.unparsed_lines.add(step.unparsed);
    batch.add(block, work.next_line, step.next_line, Lines(step.records), now);
    work.next_line = step.next_line;
  }
  const bool done = work.next_line == block.line_count;
  if (planted(Planted::kLineLostAtSeal) && work.next_line + 1 < block.line_count) ++work.next_line;
  const bool full = !done || (lines_max != Lines(0) && batch.lines() >= lines_max) ||
                    batch.body().size >= batch.body().soft_limit;
  if (!full) return true;
  seal(road, now);
  // Only behind lines of its own: a tail with nothing on its way would wait for an ack for ever.
  if (!done && block.origin->ordered && work.next_line > 0) {
    return_rest_of_front(road);
    return true;
  }
  return done;
}

// Ordered tails have one parcel under way: the lines behind it are read again after its ack.
void Shard::return_rest_of_front(Road& road) {
  const Road::Work& work = road.pending.front();
  const LineBlock& block = *work.block;
  const size_t taken = block.line_begin(work.next_line);
  parts_.metrics->returned_bytes.add(static_cast<int64_t>(block.size() - taken));
  const auto seat = seats_.find(block.origin->tail.value);
  if (seat == seats_.end()) return;  // released meanwhile: nobody reads it in this run
  if (planted(Planted::kRewindForgotten)) return;
  seat->second->tail.rewind(block.first_offset + Bytes(static_cast<int64_t>(taken)),
                            {block.bytes - block.head_bytes, block.head_bytes + taken});
}

void Shard::finish_front(Road& road) {
  LineBlock* block = road.pending.front().block;
  road.pending.pop_front();
  block->buffers_held->fetch_sub(1, std::memory_order_relaxed);
  // Last use of the origin: after this its home shard may forget it.
  block->origin->blocks_out.fetch_sub(1, std::memory_order_release);
  parts_.metrics->blocks.add();
  parts_.buffers->give(parts_.buffers->at(block->buffer));
}

void Shard::seal_what_is_due(MonoTime now) {
  for (auto& owned : roads_) {
    Road& road = *owned;
    if (road.batch.empty()) continue;
    const bool idle = road.parts.gauge->idle();
    const bool due = draining_ || now >= seal_time(road.parts.rules, road.batch.opened_at(), idle);
    if (due && (draining_ || road.has_parcel_room())) seal(road, now);
  }
}

void Shard::seal(Road& road, MonoTime now) {
  RoadParts& parts = road.parts;
  BodyBuffer& body = road.batch.body();
  parts.encoder->finish(body);
  const std::span<const std::byte> encoded(reinterpret_cast<const std::byte*>(body.data),
                                           body.size);
  // A small body with nothing behind it left because of its age: there is time to press it well.
  const bool calm = body.size <= kCalmBodyBytes && road.pending.empty();
  parts.compressor->set_pace(calm ? Pace::kCalm : Pace::kBehind);
  const Result<size_t> packed = parts.compressor->compress(encoded, parts.compressed);
  SLUICE_CHECK(packed.ok(), "the scratch holds any compressed body");

  ParcelPtr parcel = road.batch.seal_into_parcel(parts.destination, settings_.shard, now);
  parcel->body_bytes = packed.value();
  parcel->body = std::make_unique_for_overwrite<std::byte[]>(parcel->body_bytes);
  std::memcpy(parcel->body.get(), parts.compressed.data(), parcel->body_bytes);
  parcel->content_type = parts.encoder->content_type();
  parcel->frame = parts.encoder->frame();
  parcel->content_encoding = parts.compressor->content_encoding();

  ShardMetrics& metrics = *parts_.metrics;
  metrics.parcels.add();
  metrics.encoded_bytes.add(parcel->encoded_bytes.value);
  metrics.compressed_bytes.add(static_cast<int64_t>(parcel->body_bytes));
  LaneGauge& gauge = *parts.gauge;
  gauge.held_bytes.fetch_add(parcel->held_bytes(), std::memory_order_relaxed);
  gauge.held_lines.fetch_add(parcel->lines.value, std::memory_order_relaxed);
  gauge.held_parcels.fetch_add(1, std::memory_order_relaxed);
  SLUICE_CHECK(parts.lane->push(settings_.shard.value, std::move(parcel)),
               "the channel holds every parcel that may exist");
  if (parts.lane_waker != nullptr) parts.lane_waker->wake();
}

}  // namespace sluice

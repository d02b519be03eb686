// SPDX-License-Identifier: Apache-2.0
#include "flow/shard.h"

#include <algorithm>

#include "flow/read/record_seed.h"
#include "flow/shard_parts.h"
#include "sluice/check.h"
#include "sluice/planted.h"

namespace sluice {

Shard::Shard(const ShardSettings& settings, ShardParts parts)
    : settings_(settings), parts_(std::move(parts)) {
  SLUICE_CHECK(!parts_.roads.empty(), "a shard feeds at least one destination");
  for (RoadParts& road : parts_.roads) {
    SLUICE_CHECK(road.compressed.size() >= road.compressor->bound(road.body.capacity),
                 "any body fits the scratch");
    roads_.push_back(std::make_unique<Road>(std::move(road)));
  }
  parts_.roads.clear();
  size_t line_bytes_max = 0;
  for (const SourceFacts& source : parts_.sources) {
    if (!source.form.is_plain()) line_bytes_max = std::max(line_bytes_max, source.line_bytes_max);
  }
  if (line_bytes_max > 0) reader_ = std::make_unique<LineReader>(line_bytes_max);
  buffers_per_road_ = std::max(1, settings_.buffers / static_cast<int32_t>(roads_.size()));
}

Shard::~Shard() = default;

MonoTime Shard::turn(MonoTime now, WallTime wall) {
  send_what_waits();       // reports for which the steward had no room
  obey_orders(now);        // what the steward wants
  take_reads(now, wall);   // completions become blocks on the queue
  say_places();            // where the steward asked for it
  look_at_hot_tails(now);  // the tick: files that grew lately may have grown again
  start_reads(now);        // as far as buffers and credit go; cold data arrives while we encode
  work_blocks(now);        // blocks become records, full bodies become parcels
  seal_what_is_due(now);   // and so do bodies that have waited long enough
  // From here on nothing of this turn is in the shard's hands but what it waits for.
  finish_leaving();
  if (draining_) finish_drain();
  return next_turn(now);
}

void Shard::obey_orders(MonoTime now) {
  ShardOrder order;
  while (parts_.orders->pop(order)) obey(order, now);
}

void Shard::obey(ShardOrder& order, MonoTime now) {
  if (order.kind == ShardOrder::Kind::kAdopt) {
    SLUICE_CHECK(order.spec != nullptr, "an adoption names its file");
    adopt(*order.spec, now);
    return;
  }
  if (order.kind == ShardOrder::Kind::kDrain) {
    draining_ = true;
    return;
  }
  if (order.kind == ShardOrder::Kind::kTell) return tell_positions();
  const auto found = seats_.find(order.tail.value);
  SLUICE_CHECK(found != seats_.end(), "the steward speaks of tails that it gave to this shard");
  Seat& seat = *found->second;
  switch (order.kind) {
    case ShardOrder::Kind::kWake:
      seat.tail.wake(now);
      break;
    case ShardOrder::Kind::kRotated:
      rotated(seat, now);
      break;
    case ShardOrder::Kind::kAcked:
      seat.tail.acked(order.epoch, order.offset);
      break;
    case ShardOrder::Kind::kReplaced:
      // The next read that ends finds it so, whatever it brings: it may look as it did before.
      seat.replaced = order.epoch > seat.tail.origin().epoch;
      seat.tail.wake(now);
      break;
    case ShardOrder::Kind::kWhere:
      seat.tail.wake(now);
      asked_.push_back(seat.tail.id());
      break;
    case ShardOrder::Kind::kYield:
      seat.tail.yield();
      break;
    case ShardOrder::Kind::kRelease:
      seat.tail.release();
      released_.push_back(&seat);
      break;
    case ShardOrder::Kind::kAdopt:
    case ShardOrder::Kind::kDrain:
    case ShardOrder::Kind::kTell:
      break;
  }
  list(seat);
}

std::unique_ptr<TailOrigin> Shard::make_origin(const TailSpec& spec, Epoch epoch) const {
  SLUICE_CHECK(spec.source.value < parts_.sources.size(), "the source is configured");
  const SourceFacts& facts = parts_.sources[spec.source.value];
  auto origin = std::make_unique<TailOrigin>();
  origin->tail = spec.tail;
  origin->epoch = epoch;
  origin->source = spec.source;
  origin->destination = spec.destination;
  origin->home = settings_.shard;
  origin->path = spec.path;
  origin->host = facts.host;
  origin->labels = facts.labels;
  origin->id_seed = record_seed(epoch == spec.epoch ? spec.content_seed : spec.file_seed, epoch);
  origin->form = facts.form;
  origin->strip_cr = facts.strip_cr;
  origin->ordered = roads_[spec.destination.value]->parts.ordered;
  return origin;
}

void Shard::adopt(const TailSpec& spec, MonoTime now) {
  SLUICE_CHECK(spec.destination.value < roads_.size(), "the destination is configured");
  SLUICE_CHECK(!seats_.contains(spec.tail.value), "a tail is adopted once");
  auto seat = std::make_unique<Seat>(spec, make_origin(spec, spec.epoch), settings_.tail,
                                     roads_[spec.destination.value].get(), now);
  seat->tail.origin().at_risk = spec.rotated;
  list(*seat);
  seats_.emplace(spec.tail.value, std::move(seat));
  parts_.metrics->tails.add();
}

// What was read of the file so far is at risk from here on, too, wherever it is on its way.
void Shard::rotated(Seat& seat, MonoTime now) {
  seat.tail.rotated(now);
  seat.tail.origin().at_risk.store(true, std::memory_order_relaxed);
  Road& road = *seat.road;
  if (!road.batch.empty()) road.batch.put_at_risk();
  road.parts.gauge->rotations.fetch_add(1, std::memory_order_release);
  if (road.parts.lane_waker != nullptr) road.parts.lane_waker->wake();
}

void Shard::count_at_risk(Seat& seat) {
  const TailMode mode = seat.tail.mode();
  const bool unread = mode == TailMode::kReady || mode == TailMode::kReading;
  const bool at_risk = seat.tail.is_rotated() && unread && !seat.tail.releasing();
  if (at_risk == std::exchange(seat.at_risk, at_risk)) return;
  const int32_t change = at_risk ? 1 : -1;
  seat.road->tails_at_risk += change;
  seat.road->parts.gauge->at_risk.fetch_add(change, std::memory_order_relaxed);
}

// Puts a tail into the list that its mode belongs to. A tail may stay in a list that it has
// outgrown; whoever takes it out looks at the mode.
void Shard::list(Seat& seat) {
  count_at_risk(seat);
  enlist(seat);
}

void Shard::enlist(Seat& seat) {
  switch (seat.tail.mode()) {
    case TailMode::kReady:
      if (!seat.listed_ready) seat.road->ready.push_back(&seat);
      seat.listed_ready = true;
      break;
    case TailMode::kHot:
    case TailMode::kPaused:
      if (!seat.listed_hot) hot_.push_back(&seat);
      seat.listed_hot = true;
      break;
    case TailMode::kReading:
    case TailMode::kCold:
    case TailMode::kAwaitAck:
      break;
  }
}

void Shard::look_at_hot_tails(MonoTime now) {
  if (hot_.empty() || now < next_tick_) return;
  next_tick_ = now + settings_.tick;
  size_t kept = 0;
  for (Seat* seat : hot_) {
    seat->tail.tick(now);
    const TailMode mode = seat->tail.mode();
    if (mode == TailMode::kPaused) {
      hot_[kept++] = seat;
      continue;
    }
    seat->listed_hot = false;
    if (mode != TailMode::kReady) continue;
    // It may have nothing new, so it counts as unread only if it cannot be read.
    seat->road->probes_at_risk = seat->road->probes_at_risk || seat->tail.is_rotated();
    enlist(*seat);
  }
  hot_.resize(kept);
}

// Released tails go when no read is in flight; their origins stay until the last block is encoded.
void Shard::finish_leaving() {
  std::erase_if(released_, [this](Seat* seat) {
    const bool waits = !planted(Planted::kReleasedWithReadInFlight);
    if (waits && seat->tail.mode() == TailMode::kReading) return false;
    std::erase(seat->road->ready, seat);
    std::erase(hot_, seat);
    report(ShardReport::Kind::kReleased, seat->tail, Bytes(0), 0);
    const auto entry = seats_.find(seat->tail.id().value);
    leaving_.push_back(std::move(entry->second));
    seats_.erase(entry);
    parts_.metrics->tails.add(-1);
    return true;
  });
  std::erase_if(leaving_, [](const std::unique_ptr<Seat>& seat) {
    return seat->tail.quiet() && seat->tail.mode() != TailMode::kReading;
  });
}

bool Shard::nothing_held() const {
  if (!flights_.empty() || parts_.blocks->waiting(settings_.shard) != 0) return false;
  const bool roads_empty = std::all_of(roads_.begin(), roads_.end(), [](const auto& road) {
    return road->pending.empty() && road->batch.empty();
  });
  return roads_empty && std::all_of(seats_.begin(), seats_.end(),
                                    [](const auto& entry) { return entry.second->tail.quiet(); });
}

void Shard::finish_drain() {
  if (drained_ || !nothing_held()) return;
  drained_ = true;
  ShardReport report;
  report.kind = ShardReport::Kind::kDrained;
  report.shard = settings_.shard;
  send(report);
}

// A read in flight may still bring what it was asked for before; of an ordered tail a part of what
// was taken may be given back as long as a block of it waits to be encoded.
void Shard::say_places() {
  std::erase_if(asked_, [this](TailId tail) {
    const auto found = seats_.find(tail.value);
    if (found == seats_.end()) return true;  // released, which says more
    const Seat& seat = *found->second;
    if (seat.tail.mode() == TailMode::kReading) return false;
    if (seat.tail.origin().ordered && !seat.tail.quiet()) return false;
    ShardReport place;
    place.kind = ShardReport::Kind::kPlace;
    place.shard = settings_.shard;
    place.tail = tail;
    place.epoch = seat.tail.origin().epoch;
    place.offset = seat.tail.position();
    place.marker = seat.tail.marker();
    send(place);
    return true;
  });
}

// In order, and never lost: a hundred thousand files may fall quiet in one turn, and the channel is
// made for a steward that keeps up.
void Shard::send(const ShardReport& report) {
  if (unsent_.empty() && parts_.reports->push(settings_.report_producer, report)) {
    parts_.steward->wake();
    return;
  }
  unsent_.push_back(report);
}

void Shard::send_what_waits() {
  if (unsent_.empty()) return;
  while (!unsent_.empty() && parts_.reports->push(settings_.report_producer, unsent_.front())) {
    unsent_.pop_front();
  }
  parts_.steward->wake();
}

void Shard::report(ShardReport::Kind kind, const Tail& tail, Bytes missed, int32_t sys_errno) {
  ShardReport report;
  report.kind = kind;
  report.shard = settings_.shard;
  report.tail = tail.id();
  report.epoch = tail.origin().epoch;
  report.offset = tail.seen_end();
  report.missed = missed;
  report.sys_errno = sys_errno;
  send(report);
}

// A cold tail has said where it rests; there may be ten thousand of them.
void Shard::tell_positions() {
  ShardReport report;
  report.shard = settings_.shard;
  report.kind = ShardReport::Kind::kPosition;
  for (const auto& [number, seat] : seats_) {
    if (seat->tail.mode() == TailMode::kCold) continue;
    report.tail = seat->tail.id();
    report.epoch = seat->tail.origin().epoch;
    report.offset = seat->tail.position();
    send(report);
  }
  report.kind = ShardReport::Kind::kTold;
  report.tail = TailId();
  send(report);
}

MonoTime Shard::next_turn(MonoTime now) const {
  if (parts_.blocks->waiting(settings_.shard) != 0) return now;
  MonoTime next = kNever;
  const auto by = [&next](MonoTime time) { next = std::min(next, time); };
  if (!hot_.empty()) by(next_tick_);
  for (const auto& road : roads_) {
    const bool idle = road->parts.gauge->idle();
    // A body that is due but has nowhere to go must not keep the loop awake until there is room.
    if (!road->batch.empty() && !road->has_parcel_room()) {
      by(now + settings_.credit_retry);
    } else if (!road->batch.empty()) {
      const MonoTime due = seal_time(road->parts.rules, road->batch.opened_at(), idle);
      // The lane may fall idle without telling us when it turns on another thread.
      by(idle ? due : std::min(due, now + road->parts.rules.linger_idle));
    }
    if (!road->pending.empty()) by(road->has_parcel_room() ? now : now + settings_.credit_retry);
    if (road->ready.empty() || draining_) continue;
    // A tail that could not be read: for want of a buffer, which comes home with a block's encoding
    // or with a completion; or for want of credit.
    if (!road->may_read()) {
      by(now + settings_.credit_retry);
    } else if (flights_.empty()) {
      const bool has_buffers =
          road->buffers_held.load(std::memory_order_relaxed) < buffers_per_road_;
      by(has_buffers && !road->awaits_oversize ? now : now + settings_.tick);
    }
  }
  const bool waits_for_thieves = draining_ && !drained_;
  if (waits_for_thieves || !leaving_.empty() || !unsent_.empty() || !asked_.empty())
    by(now + settings_.tick);
  return std::max(next, now);
}

}  // namespace sluice

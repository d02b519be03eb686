// SPDX-License-Identifier: Apache-2.0
// Bodies that wait too long: they go to the spool, and from there to the destination when it takes
// them. A parcel that backs off stays in its slot all the same, pauses and all, so a destination
// that is away sees no more requests than without a spool; what waits behind it is stored and let
// go.
#include <algorithm>
#include <utility>

#include "flow/lane.h"
#include "flow/spool/spool_format.h"
#include "sluice/check.h"
#include "sluice/crash_point.h"
#include "sluice/planted.h"

namespace sluice {
namespace {

constexpr Duration kHomeRetry{20'000'000};

// What goes home for a parcel that stays with the lane: all that the steward looks at.
ParcelPtr shell_of(Parcel& parcel) {
  auto shell = std::make_unique<Parcel>();
  shell->destination = parcel.destination;
  shell->sealed_by = parcel.sealed_by;
  shell->spans = parcel.spans;
  shell->lines = parcel.lines;
  shell->raw_bytes = parcel.raw_bytes;
  shell->key = parcel.key;
  shell->sealed_at = parcel.sealed_at;
  shell->oldest_read_at = parcel.oldest_read_at;
  shell->ordered = parcel.ordered;
  shell->fate = Fate::kSpooled;
  return shell;
}

}  // namespace

void Lane::turn_spool(MonoTime now) {
  take_stored(now);
  take_fetched(now);
  report_spool();
}

// After the answers: what they freed may be filled from the spool, what they put off goes there.
// Returns when there could be more to do without news; what the disk has done wakes the loop.
MonoTime Lane::feed_spool(MonoTime now) {
  const bool stopping = stop_deadline_ != kNever || giving_back_;
  if (stopping) let_go_of_spooled();
  look_for_risk(now);
  store_what_waits(now);
  if (!stopping) fetch_next(now);
  return spool_due(now);
}

void Lane::report_spool() {
  LaneMetrics& metrics = *parts_.metrics;
  const SpoolCounts before = std::exchange(spool_.counts, parts_.spool->counts());
  const SpoolCounts& counts = spool_.counts;
  metrics.spool_bytes.set(counts.bytes.value);
  metrics.spool_lines.set(counts.lines);
  if (counts.lost_lines != before.lost_lines || counts.lost_records != before.lost_records) {
    metrics.spool_lost_lines.add(counts.lost_lines - before.lost_lines);
    report_.spool_lost(counts.lost_lines - before.lost_lines);
  }
  if (counts.dropped_lines != before.dropped_lines) {
    metrics.spool_dropped_lines.add(counts.dropped_lines - before.dropped_lines);
    report_.spool_dropped(counts.dropped_lines - before.dropped_lines);
  }
}

bool Lane::is_crowded() const {
  return settings_.spool == SpoolMode::kAtRisk &&
         parts_.gauge->at_risk.load(std::memory_order_relaxed) > settings_.at_risk_files_max;
}

// When the destination counts as away if it goes on taking nothing.
MonoTime Lane::stuck_at() const {
  if (is_crowded()) return MonoTime(0);
  MonoTime at = kNever;
  if (failures_in_row_ > 0) at = failing_since_ + settings_.spool_after;
  if (!queue_.empty()) at = std::min(at, queue_.front().parcel->sealed_at + settings_.spool_after);
  return at;
}

// Files that are still where they were keep their lines until the destination is back: nobody reads
// on in them, and of what was read before only that is stored which stands in the way of the
// others.
void Lane::look_for_risk(MonoTime now) {
  if (settings_.spool != SpoolMode::kAtRisk) return;
  LaneGauge& gauge = *parts_.gauge;
  const int64_t files = gauge.at_risk.load(std::memory_order_relaxed);
  const bool stopping = stop_deadline_ != kNever || giving_back_;
  const bool only = files > 0 && now >= stuck_at() && !stopping;
  if (only) spool_.at_risk_until = arrivals_;
  if (gauge.only_at_risk.exchange(only, std::memory_order_relaxed) == only || !only) return;
  report_.only_at_risk(files);
}

bool Lane::may_be_spooled(const Consignment& one) const {
  switch (settings_.spool) {
    case SpoolMode::kOff:
      return false;
    case SpoolMode::kAtRisk:
      return one.arrival <= spool_.at_risk_until;
    case SpoolMode::kAll:
      return true;
  }
  return false;
}

// A stop does not wait for who is away. A file in order must not overtake what it has spooled.
bool Lane::waits_too_long(const Consignment& one, MonoTime now) const {
  const bool hopeless = stop_deadline_ != kNever && failures_in_row_ > 0;
  return now - one.parcel->sealed_at >= settings_.spool_after || hopeless || is_crowded() ||
         (one.parcel->ordered && spool_.counts.records > 0);
}

void Lane::store_what_waits(MonoTime now) {
  if (settings_.spool == SpoolMode::kOff || spool_.store_busy || giving_back_) return;
  if (now < spool_.store_after || !home_has_room()) return;
  std::vector<SpoolDraft> drafts;
  int64_t bytes = 0;
  const auto takes = [&](const Consignment& one) {
    return drafts.size() < SpoolRoad::kStoreParcels && bytes < SpoolRoad::kStoreBytes &&
           may_be_spooled(one) && waits_too_long(one, now);
  };
  for (Consignment* one : in_flight_.spoolable()) {
    if (!takes(*one)) break;
    one->storing = true;
    drafts.push_back(make_draft(*one->parcel));
    drafts.back().in_hand = true;
    bytes += one->parcel->held_bytes();
    spool_.storing_in_hand.push_back({one->arrival, one->parcel->lines});
  }
  while (!queue_.empty() && takes(queue_.front())) {
    spool_.storing.push_back(take_from_queue());
    drafts.push_back(make_draft(*spool_.storing.back().parcel));
    bytes += spool_.storing.back().parcel->held_bytes();
  }
  if (drafts.empty()) return;
  spool_.store_busy = true;
  parts_.spool->store(std::move(drafts));
}

void Lane::take_stored(MonoTime now) {
  if (!spool_.store_busy) return;
  const std::optional<Result<uint64_t>> outcome = parts_.spool->stored();
  if (!outcome) return;
  spool_.store_busy = false;
  if (outcome->ok()) {
    spool_.store_failures = 0;
    return settle_stored(outcome->value());
  }
  if (planted(Planted::kSpoolFailureIgnored)) {
    for (Consignment& one : std::exchange(spool_.storing, {}))
      send_home(std::move(one), Fate::kSpooled);
  }
  put_back_storing();
  spool_.store_failures = next_attempt(spool_.store_failures);
  const Duration pause = retry_.pause(spool_.store_failures, Duration(-1), jitter_.next());
  spool_.store_after = now + pause;
  parts_.metrics->spool_errors.add();
  report_.cannot_spool(outcome->error(), pause);
}

void Lane::settle_stored(uint64_t first) {
  SLUICE_CRASHPOINT("lane.spool.durable");
  uint64_t sequence = first;
  for (const SpoolRoad::InHand& each : std::exchange(spool_.storing_in_hand, {})) {
    Consignment* const one = in_flight_.by_arrival(each.arrival);
    const uint64_t stored_as = sequence++;
    if (one != nullptr) one->storing = false;
    if (one != nullptr && one->apart == nullptr) {
      pass_on_to_spool(*one, stored_as);
    } else {
      // Delivered meanwhile, or given back, or refused for what it is: its own way goes on.
      parts_.spool->remove(stored_as, each.lines);
    }
  }
  for (Consignment& one : spool_.storing) {
    parts_.metrics->spooled_lines.add(one.parcel->lines.value);
    parts_.metrics->spooled_raw_bytes.add(one.parcel->raw_bytes.value);
    send_home(std::move(one), Fate::kSpooled);
    spool_.may_hold_more = true;
  }
  spool_.storing.clear();
  spool_.counts = parts_.spool->counts();
}

// Its spans are released, and it is tried on where it is.
void Lane::pass_on_to_spool(Consignment& one, uint64_t sequence) {
  one.spooled = sequence;
  parts_.metrics->spooled_lines.add(one.parcel->lines.value);
  parts_.metrics->spooled_raw_bytes.add(one.parcel->raw_bytes.value);
  SLUICE_CHECK(parts_.home->push(settings_.home_producer, shell_of(*one.parcel)),
               "the home channel holds every parcel that may exist");
  went_home_ = true;
}

void Lane::put_back_storing() {
  for (const SpoolRoad::InHand& each : std::exchange(spool_.storing_in_hand, {})) {
    if (Consignment* one = in_flight_.by_arrival(each.arrival)) one->storing = false;
  }
  while (!spool_.storing.empty()) {
    queued_bytes_ += spool_.storing.back().parcel->held_bytes();
    queue_.push_front(std::move(spool_.storing.back()));
    spool_.storing.pop_back();
  }
  if (giving_back_) give_back_waiting();
}

void Lane::fetch_next(MonoTime now) {
  if (spool_.fetch_busy || spool_.next.parcel || !spool_.may_hold_more || now < spool_.fetch_after)
    return;
  // One is always let in: progress beats limits.
  const bool has_room =
      (held_bytes_ < parts_.gauge->bytes_max && held_parcels_ < parts_.gauge->parcels_max) ||
      in_flight_.empty();
  // Also while all permits are taken: fresh parcels would have every one that gets free.
  if (!has_room) return;
  spool_.fetch_busy = true;
  spool_.may_hold_more = false;  // unless something is found, or stored from here on
  parts_.spool->fetch();
}

void Lane::take_fetched(MonoTime now) {
  if (!spool_.fetch_busy) return;
  std::optional<Result<SpooledParcel>> outcome = parts_.spool->fetched();
  if (!outcome) return;
  spool_.fetch_busy = false;
  if (!outcome->ok()) {
    spool_.may_hold_more = true;
    spool_.fetch_failures = next_attempt(spool_.fetch_failures);
    const Duration pause = retry_.pause(spool_.fetch_failures, Duration(-1), jitter_.next());
    spool_.fetch_after = now + pause;
    parts_.metrics->spool_errors.add();
    return report_.cannot_read_spool(outcome->error(), pause);
  }
  spool_.fetch_failures = 0;
  SpooledParcel& fetched = outcome->value();
  if (fetched.parcel == nullptr) return;
  spool_.may_hold_more = true;
  Consignment& next = spool_.next;
  next = {};
  next.parcel = std::move(fetched.parcel);
  next.spooled = fetched.sequence;
  next.arrival = ++arrivals_;
  next.parcel->sealed_at = now;
  next.parcel->oldest_read_at = now;
  next.parcel->not_before = now;
  ++held_parcels_;
  held_lines_ += next.parcel->lines.value;
  held_bytes_ += next.parcel->held_bytes();
  parts_.gauge->held_parcels.fetch_add(1, std::memory_order_relaxed);
  parts_.gauge->held_lines.fetch_add(next.parcel->lines.value, std::memory_order_relaxed);
  parts_.gauge->held_bytes.fetch_add(next.parcel->held_bytes(), std::memory_order_relaxed);
}

// A stop: they are where they are found again.
void Lane::let_go_of_spooled() {
  if (spool_.next.parcel) send_home(take_spooled(), Fate::kUndelivered);
  for (Consignment one = in_flight_.remove_spooled(); one.parcel;
       one = in_flight_.remove_spooled()) {
    send_home(std::move(one), Fate::kUndelivered);
  }
}

Consignment Lane::take_spooled() {
  return std::exchange(spool_.next, {});
}

bool Lane::live_may_go() {
  if (queue_.empty() || too_far_ahead()) return false;
  return parts_.spool == nullptr || !queue_.front().parcel->ordered || !spool_.holds_any();
}

// Not in a stop, which has let go of those that may stand before it.
bool Lane::spooled_may_go() const {
  if (stop_deadline_ != kNever || giving_back_) return false;
  const ParcelPtr& next = spool_.next.parcel;
  return next && !(next->ordered && in_flight_.any_spooled_beside(next->records));
}

MonoTime Lane::spool_due(MonoTime now) {
  MonoTime due = kNever;
  const bool stopping = stop_deadline_ != kNever || giving_back_;
  if (spool_.may_hold_more && !spool_.fetch_busy && !spool_.next.parcel && !stopping &&
      spool_.fetch_after > now)
    due = spool_.fetch_after;
  if (settings_.spool == SpoolMode::kOff || spool_.store_busy || giving_back_) return due;
  const bool risk = parts_.gauge->at_risk.load(std::memory_order_relaxed) > 0;
  if (settings_.spool == SpoolMode::kAtRisk && risk && stuck_at() > now)
    due = std::min(due, stuck_at());
  const auto store_at = [&](const Consignment& one) {
    if (!may_be_spooled(one)) return;
    const MonoTime aged =
        waits_too_long(one, now) ? now : one.parcel->sealed_at + settings_.spool_after;
    const MonoTime earliest = home_has_room() ? now : now + kHomeRetry;
    due = std::min(due, std::max({aged, spool_.store_after, earliest}));
  };
  if (!queue_.empty()) store_at(queue_.front());
  for (const Consignment* one : in_flight_.spoolable()) store_at(*one);
  return due;
}

}  // namespace sluice

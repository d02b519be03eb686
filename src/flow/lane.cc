// SPDX-License-Identifier: Apache-2.0
#include "flow/lane.h"

#include <algorithm>
#include <array>
#include <utility>

#include "sluice/check.h"
#include "sluice/crash_point.h"
#include "sluice/planted.h"

namespace sluice {
namespace {

// A turn that sent something looks at the wire once more; further rounds belong to the next turn,
// so that a destination that answers at once cannot keep the loop from its other work.
constexpr int kRoundsPerTurn = 2;

// How often a lane asks whether the steward has caught up. A stalled fsync takes longer, a busy
// steward less; nobody has to remember to wake us.
constexpr Duration kHomeRetry{20'000'000};

size_t status_class(const WireAnswer& answer) {
  if (answer.failure != TransportFailure::kNone) return 0;
  const int32_t hundreds = answer.status / 100;
  return hundreds >= 1 && hundreds <= 5 ? static_cast<size_t>(hundreds) : 0;
}

}  // namespace

Lane::Lane(LaneSettings settings, const LaneParts& parts, uint64_t seed)
    : settings_(std::move(settings)),
      parts_(parts),
      retry_(settings_.retry_min_delay, settings_.retry_max_delay),
      jitter_(seed),
      limits_(settings_.rate_bytes, settings_.rate_lines, settings_.rate_requests),
      report_(settings_.name, *parts.events),
      in_flight_(settings_.workers),
      window_(settings_.workers, settings_.workers_adapt),
      queue_bound_(parts_.gauge->bytes_max),
      body_limit_(settings_.body_bytes),
      burials_(settings_.proof_patience) {
  SLUICE_CHECK(parts_.wire && parts_.arriving && parts_.home && parts_.gauge && parts_.metrics,
               "a lane has all its parts");
  if (parts_.spool != nullptr) spool_.may_hold_more = parts_.spool->counts().records > 0;
  // Nothing speaks against a destination that was never asked.
  parts_.metrics->healthy.set(1);
}

MonoTime Lane::turn(MonoTime now) {
  // Before the parcels: what a shard sent before it counted is among them.
  const int64_t rotations = parts_.gauge->rotations.load(std::memory_order_acquire);
  take_arrivals();
  if (std::exchange(spool_.rotations, rotations) != rotations) spool_.at_risk_until = arrivals_;
  take_filed(now);
  if (parts_.spool != nullptr) turn_spool(now);
  if (body_limit_.turn(now)) publish_limit();
  if (now >= stop_deadline_ && !giving_back_) {
    // What the destination has answered by now still counts.
    parts_.wire->turn(now);
    reap_answers(now);
    give_back_all();
  }

  MonoTime wire_wants = kNever;
  bool busy = true;
  for (int round = 0; busy && round < kRoundsPerTurn; ++round) {
    wire_wants = parts_.wire->turn(now);
    // Permits and answers first: what they free can be sent in this very turn.
    const bool reaped = reap_answers(now);
    const bool sent = send_what_may_go(now);
    busy = reaped || sent;
  }

  if (parts_.spool != nullptr) next_send_ = std::min(next_send_, feed_spool(now));
  publish_gauges();
  if (std::exchange(went_home_, false) && parts_.steward != nullptr) parts_.steward->wake();
  if (busy) return now;
  const bool must_give_back = giving_back_ && (!queue_.empty() || in_flight_.backing_off() > 0);
  if (must_give_back) return now + kHomeRetry;
  const MonoTime stop = giving_back_ ? kNever : stop_deadline_;
  return std::max(now, std::min({wire_wants, next_send_, stop}));
}

void Lane::take_arrivals() {
  Consignment fresh;
  while (parts_.arriving->pop(fresh.parcel)) {
    SLUICE_CHECK(fresh.parcel != nullptr, "parcels arrive, not their absence");
    fresh.arrival = ++arrivals_;
    if (fresh.parcel->at_risk) spool_.at_risk_until = arrivals_;
    ++held_parcels_;
    held_lines_ += fresh.parcel->lines.value;
    const int64_t bytes = fresh.parcel->held_bytes();
    held_bytes_ += bytes;
    queued_bytes_ += bytes;
    queue_bound_.arrived(bytes);
    queue_.push_back(std::exchange(fresh, {}));
  }
  queue_bound_.queued(queued_bytes_);
  if (giving_back_) give_back_waiting();
}

bool Lane::reap_answers(MonoTime now) {
  std::array<WireAnswer, 8> answers;
  bool reaped = false;
  while (const size_t count = parts_.wire->reap(answers)) {
    for (size_t i = 0; i < count; ++i) settle(answers[i], now);
    reaped = true;
  }
  return reaped;
}

// What one answer means for its parcel.
void Lane::settle(const WireAnswer& answer, MonoTime now) {
  const Verdict verdict = judge(answer);
  count(answer, verdict);
  learn_from(answer, verdict, now);
  if (verdict.delivered()) {
    settle_delivered(answer, now);
  } else if (planted(Planted::kAttemptsLimited) &&
             in_flight_.by_ticket(answer.ticket).parcel->attempts >= 10) {
    send_home(in_flight_.finish(answer.ticket), Fate::kDropped);
    return;
  } else if (giving_back_) {
    send_home(in_flight_.finish(answer.ticket), Fate::kUndelivered);
    return;  // neither the destination's doing nor news about it
  } else if (verdict.cuts() && can_take_apart(answer)) {
    take_apart(answer, verdict, now);
  } else {
    schedule_retry(answer, verdict, now);
  }

  const Health::Change change = health_.after(verdict);
  report_.health_changed(change);
  // It is back: what failed only because it was away need not sit out a long pause.
  if (change == Health::Change::kCameBack) in_flight_.hasten(now);
}

void Lane::learn_from(const WireAnswer& answer, const Verdict& verdict, MonoTime now) {
  using Sign = SendWindow::Sign;
  const bool speaks = verdict.subject == Verdict::Subject::kDestination &&
                      answer.failure != TransportFailure::kAbandoned;
  const Sign sign = verdict.delivered() ? Sign::kFine : speaks ? Sign::kOverloaded : Sign::kNoSign;
  window_.answered(sign, answer.took, static_cast<int32_t>(in_flight_.on_wire()), now);
  if (!verdict.delivered()) return;
  queue_bound_.delivered(in_flight_.by_ticket(answer.ticket).outgoing().held_bytes(), now);
}

void Lane::count(const WireAnswer& answer, const Verdict& verdict) {
  LaneMetrics& metrics = *parts_.metrics;
  metrics.statuses[status_class(answer)].add();
  metrics.wire_body_bytes.add(answer.sent_bytes.value);
  if (answer.failure == TransportFailure::kNone) {
    metrics.answers.add();
    metrics.answer_ns_sum.add(answer.took.value);
  }
  if (answer.failure != TransportFailure::kAbandoned && !verdict.cuts()) {
    metrics.healthy.set(verdict.delivered() ? 1 : 0);
  }
  if (verdict.kind == Verdict::Kind::kHold) metrics.holds.add();
  if (!verdict.delivered()) return;
  const Parcel& parcel = in_flight_.by_ticket(answer.ticket).outgoing();
  delivered_raw_ += parcel.raw_bytes;
  metrics.delivered_parcels.add();
  metrics.delivered_lines.add(parcel.lines.value);
  metrics.delivered_raw_bytes.add(parcel.raw_bytes.value);
  if (in_flight_.by_ticket(answer.ticket).spooled != 0)
    metrics.replayed_raw_bytes.add(parcel.raw_bytes.value);
  metrics.delivered_encoded_bytes.add(parcel.encoded_bytes.value);
  metrics.delivered_body_bytes.add(static_cast<int64_t>(parcel.body_bytes));
}

void Lane::schedule_retry(const WireAnswer& answer, const Verdict& verdict, MonoTime now) {
  Consignment& failed = in_flight_.by_ticket(answer.ticket);
  Parcel& parcel = *failed.parcel;
  if (failures_in_row_ == 0) failing_since_ = now;
  // A destination that takes others is not away: bad luck alone must not make a pause long.
  failures_in_row_ = next_attempt(failures_in_row_);
  const bool hold = verdict.kind == Verdict::Kind::kHold || verdict.cuts();
  const Duration pause = hold ? retry_.hold(verdict.retry_after, jitter_.next())
                              : retry_.pause(std::min(parcel.attempts, failures_in_row_),
                                             verdict.retry_after, jitter_.next());
  parcel.not_before = now + pause;
  failed.unwelcome = verdict.subject == Verdict::Subject::kParcel;
  // Not if the destination named the time itself, nor if it refuses this very parcel.
  failed.hasty =
      verdict.subject == Verdict::Subject::kDestination && verdict.retry_after <= Duration(0);
  report_.attempt_failed(answer, verdict, parcel, pause);
  in_flight_.back_off(answer.ticket);
}

// Sends until a permit, a rate limit or the queue ends it, then makes room if the user's policy is
// to drop: what was sent just now is safe from that. A drop can free a permit, so once more.
bool Lane::send_what_may_go(MonoTime now) {
  next_send_ = kNever;
  const bool nothing = queue_.empty() && in_flight_.backing_off() == 0 && !spool_.next.parcel;
  if (giving_back_ || nothing) return false;
  if (!home_has_room()) {
    next_send_ = now + kHomeRetry;
    return false;
  }
  hurry_who_is_behind(now);
  bool sent = false;
  do {
    while (send_next(now)) sent = true;
  } while (drop_oldest());
  return sent;
}

// A parcel that is home counts in no gauge any more, so without this a steward that waits for its
// disk for seconds would let the lanes fill the channel.
bool Lane::home_has_room() const {
  return parts_.home->size_approx() < settings_.home_room;
}

bool Lane::send_next(MonoTime now) {
  Consignment* due = in_flight_.next_due();
  next_send_ = due != nullptr ? due->parcel->not_before : kNever;
  const bool retry = next_send_ <= now;
  if (in_flight_.on_wire() >= static_cast<size_t>(window_.limit())) {
    next_send_ = kNever;  // an answer wakes the lane
    return false;
  }
  const bool live = !retry && !in_flight_.full() && live_may_go();
  const bool replay =
      !retry && !in_flight_.full() && spooled_may_go() && (spool_.next_has_turn || !live);
  if (!retry && !live && !replay) return false;
  if (retry && due->apart != nullptr && !prepare_part(*due, now)) return true;

  Consignment& next = retry ? *due : replay ? spool_.next : queue_.front();
  if (!retry && is_oversized(*next.parcel)) {
    start_in_parts(replay ? take_spooled() : take_from_queue(), now);
    return true;
  }
  const RateLimits::Cost cost{Bytes(static_cast<int64_t>(next.outgoing().body_bytes)),
                              next.outgoing().lines};
  const MonoTime earliest = limits_.earliest(cost, now);
  if (earliest > now) {
    // A retry that comes due before then has precedence, and may cost less.
    next_send_ = retry ? earliest : std::min(next_send_, earliest);
    if (!std::exchange(next.throttled, true)) parts_.metrics->throttled.add();
    return false;
  }
  limits_.take(cost, now);
  next.throttled = false;
  spool_.next_has_turn = !replay;
  if (retry) {
    begin_attempt(in_flight_.restart_next_due(), now);
  } else {
    Consignment fresh = replay ? take_spooled() : take_from_queue();
    fresh.delivered_before = delivered_raw_;
    begin_attempt(in_flight_.start(std::move(fresh)), now);
  }
  return true;
}

Consignment Lane::take_from_queue() {
  Consignment first = std::move(queue_.front());
  queue_.pop_front();
  queued_bytes_ -= first.parcel->held_bytes();
  return first;
}

bool Lane::too_far_ahead() {
  const Consignment* behind = in_flight_.furthest_behind();
  return behind != nullptr &&
         delivered_raw_ - behind->delivered_before >= settings_.ahead_bytes_max;
}

// A parcel that was refused while others are taken need not sit out its pause: once for each time
// that the others have got ahead of it, so that a destination that takes nothing is not hammered.
void Lane::hurry_who_is_behind(MonoTime now) {
  if (!too_far_ahead()) return;
  Consignment& behind = *in_flight_.furthest_behind();
  if (!behind.hasty) return;
  if (delivered_raw_ - behind.delivered_at_attempt < settings_.ahead_bytes_max / 2) return;
  behind.parcel->not_before = std::min(behind.parcel->not_before, now);
}

void Lane::begin_attempt(uint64_t ticket, MonoTime now) {
  in_flight_.by_ticket(ticket).delivered_at_attempt = delivered_raw_;
  Parcel& parcel = *in_flight_.by_ticket(ticket).parcel;
  SLUICE_CHECK(parcel.not_before <= now, "a parcel sits out its pause");
  parcel.attempts = next_attempt(parcel.attempts);
  parts_.metrics->sent_requests.add();
  if (parcel.attempts > 1) parts_.metrics->retries.add();
  SLUICE_CRASHPOINT("lane.send.before");
  parts_.wire->send(in_flight_.by_ticket(ticket).outgoing(), ticket, now);
  SLUICE_CRASHPOINT("lane.send.after");
}

bool Lane::over_limits() const {
  const LaneGauge& gauge = *parts_.gauge;
  return held_bytes_ > gauge.bytes_max || (gauge.lines_max > 0 && held_lines_ > gauge.lines_max) ||
         held_parcels_ >= gauge.parcels_max;  // shards need room for one more
}

// Gives up the oldest parcel that is not on the wire. The last one stays whatever its size:
// progress beats limits, or a parcel above the limit would never be tried.
bool Lane::drop_oldest() {
  if (!parts_.gauge->drop_oldest || held_parcels_ <= 1 || !over_limits()) return false;
  const Consignment* waiting = queue_.empty() ? nullptr : &queue_.front();
  const Consignment* pausing = in_flight_.oldest_droppable();
  if (waiting == nullptr && pausing == nullptr) return false;

  Consignment oldest;
  if (pausing != nullptr && (waiting == nullptr || pausing->arrival < waiting->arrival)) {
    oldest = in_flight_.remove_oldest_droppable();
  } else {
    oldest = take_from_queue();
  }
  LaneMetrics& metrics = *parts_.metrics;
  metrics.dropped_parcels.add();
  metrics.dropped_lines.add(oldest.parcel->lines.value);
  metrics.dropped_raw_bytes.add(oldest.parcel->raw_bytes.value);
  report_.dropped(*oldest.parcel);
  send_home(std::move(oldest), Fate::kDropped);
  return true;
}

void Lane::send_home(Consignment consignment, Fate fate) {
  if (consignment.apart != nullptr) hold_part(*consignment.apart, nullptr);
  Parcel& parcel = *consignment.parcel;
  SLUICE_CHECK(parcel.fate == Fate::kOnItsWay, "a parcel comes home once");
  end_hold(parcel, planted(Planted::kCreditLeaksOnDrop) && fate == Fate::kDropped);
  // What is in the spool is home already; undelivered it stays there.
  if (consignment.spooled != 0) {
    if (fate != Fate::kUndelivered) parts_.spool->remove(consignment.spooled, parcel.lines);
    return;
  }
  parcel.fate = fate;
  parcel.body.reset();
  parcel.body_bytes = 0;
  parcel.records = {};
  SLUICE_CHECK(parts_.home->push(settings_.home_producer, std::move(consignment.parcel)),
               "the home channel holds every parcel that may exist");
  went_home_ = true;
}

void Lane::end_hold(const Parcel& parcel, bool leaks) {
  const int64_t lines = parcel.lines.value;
  const int64_t bytes = parcel.held_bytes();
  --held_parcels_;
  held_lines_ -= lines;
  held_bytes_ -= bytes;
  SLUICE_CHECK(held_parcels_ >= 0 && held_lines_ >= 0 && held_bytes_ >= 0,
               "a lane holds no less than nothing");
  LaneGauge& gauge = *parts_.gauge;
  if (!leaks) gauge.held_bytes.fetch_sub(bytes, std::memory_order_relaxed);
  gauge.held_lines.fetch_sub(lines, std::memory_order_relaxed);
  gauge.held_parcels.fetch_sub(1, std::memory_order_relaxed);
}

void Lane::begin_stop(MonoTime now, MonoTime deadline) {
  stop_deadline_ = std::min(stop_deadline_, deadline);
  in_flight_.hasten(now);
}

void Lane::give_back_all() {
  if (giving_back_) return;
  giving_back_ = true;
  report_.gave_back(held_parcels_, Lines(held_lines_));
  parts_.wire->abandon_all();
  give_back_waiting();
}

// As far as the steward keeps up: what went home leaves the gauge, so shards that empty their last
// blocks would go on sealing, and lines of one byte make more parcels than any channel holds.
void Lane::give_back_waiting() {
  while (home_has_room() && in_flight_.backing_off() > 0) {
    send_home(in_flight_.remove_oldest_backing_off(), Fate::kUndelivered);
  }
  while (home_has_room() && !queue_.empty()) {
    send_home(take_from_queue(), Fate::kUndelivered);
  }
}

bool Lane::empty() const {
  return queue_.empty() && in_flight_.empty() && parts_.gauge->idle();
}

void Lane::publish_gauges() {
  const auto on_wire = static_cast<int64_t>(in_flight_.on_wire());
  const auto backing_off = static_cast<int64_t>(in_flight_.backing_off());
  queue_bound_.queued(queued_bytes_);
  const int64_t credit = held_bytes_ - queued_bytes_ + queue_bound_.bytes();
  parts_.gauge->credit_bytes.store(credit, std::memory_order_relaxed);
  parts_.gauge->on_wire.store(on_wire, std::memory_order_relaxed);
  parts_.metrics->window.set(window_.limit());
  parts_.metrics->credit_bytes.set(std::min(credit, parts_.gauge->bytes_max));
  parts_.metrics->queue_parcels.set(static_cast<int64_t>(queue_.size()));
  parts_.metrics->in_flight.set(on_wire + backing_off);
  parts_.metrics->backing_off.set(backing_off);
  parts_.metrics->at_risk_files.set(parts_.gauge->at_risk.load(std::memory_order_relaxed));
}

}  // namespace sluice

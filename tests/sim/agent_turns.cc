// SPDX-License-Identifier: Apache-2.0
// How a simulated agent turns, stops and dies, and whether its own numbers are true.
#include <fmt/format.h>

#include <algorithm>

#include "agent_life.h"
#include "sluice/planted.h"

namespace sluice::sim {
namespace {

// As in src/agent: after the deadline of a stop the loops get this long to let go.
constexpr Duration kEndPatience{800'000'000};
constexpr Duration kHomeLookAgain{20'000'000};

}  // namespace

void AgentLife::SleeperBell::wake() noexcept {
  const auto shards = static_cast<size_t>(life_.machine_.plan.shards);
  for (size_t i = 0; i < shards; ++i) {
    Loop& loop = *life_.loops_[i];
    if (loop.waker.woken || loop.wants <= life_.machine_.witness.now) continue;
    loop.waker.wake();
    return;
  }
}

void AgentLife::HomeBell::wake() noexcept {
  const MonoTime now = life_.machine_.witness.now;
  const Duration late = life_.dice_.between(Duration(0), kHomeLookAgain);
  life_.home_bell_at_ = std::min(life_.home_bell_at_, now + late);
}

WallTime AgentLife::wall() const {
  constexpr int64_t kStart = 1'700'000'000'000'000'000;
  return WallTime(kStart + machine_.witness.now.value + machine_.wall_shift_ns);
}

MonoTime AgentLife::due(size_t thread) const {
  if (thread < loops_.size()) {
    const Loop& loop = *loops_[thread];
    if (loop.waker.woken) return machine_.witness.now;
    MonoTime next = loop.wants;
    if (loop.io != nullptr) next = std::min(next, loop.io->next_done());
    for (const Post& post : loop.posts) {
      next = std::min({next, post.wire->next_event(), post.dead->next_event()});
      if (post.spool != nullptr) next = std::min(next, post.spool->next_event());
    }
    return next;
  }
  if (steward_waker_.woken) return machine_.witness.now;
  MonoTime next = std::min(steward_wants_, home_bell_at_);
  const MonoTime hint = machine_.feed.next_visible();
  if (hint != kNever && !stopping())
    next = std::min(next, std::max(hint, steward_->hints_wanted_at()));
  return next;
}

void AgentLife::turn(size_t thread) {
  if (thread < loops_.size()) return turn_loop(*loops_[thread]);
  turn_steward();
}

void AgentLife::work() {
  for (auto& loop : loops_) {
    if (loop->io != nullptr) {
      loop->io->faults = machine_.faults;
      loop->io->work();
    }
    for (Post& post : loop->posts) {
      post.wire->faults = machine_.faults;
      post.dead->faults = machine_.faults;
      if (post.spool != nullptr) post.spool->faults = machine_.faults;
      if (post.spool != nullptr) post.spool->work();
      post.wire->work();
    }
  }
}

void AgentLife::turn_loop(Loop& loop) {
  const MonoTime now = machine_.witness.now;
  loop.waker.woken = false;
  loop.wants = now;  // awake: nobody needs to ring for it
  if (stopping() && !std::exchange(loop.stop_told, true)) {
    for (Post& post : loop.posts) post.lane->begin_stop(now, stop_deadline_);
  }
  if (give_back_ && !std::exchange(loop.give_back_told, true)) {
    for (Post& post : loop.posts) post.lane->give_back_all();
  }
  MonoTime next = kNever;
  if (loop.shard != nullptr) {
    for (Post& post : loop.posts) post.lane->turn(now);
    const Duration shift(planted(Planted::kWallClockTimers) ? machine_.wall_shift_ns : 0);
    next = loop.shard->turn(now + shift, wall());
    if (next != kNever) next = std::max(now, next - shift);
  }
  for (Post& post : loop.posts) next = std::min(next, post.lane->turn(now));
  loop.wants = next;
}

// Shards run at the same time: while one is in the middle of its turn and has just published a
// block, another one may have its own turn and take it.
void AgentLife::interleave(ShardId shard) {
  const auto shards = static_cast<size_t>(machine_.plan.shards);
  if (interleaving_ || shards < 2 || !dice_.chance(50)) return;
  interleaving_ = true;
  const size_t other = (shard.value + 1 + dice_.below(shards - 1)) % shards;
  turn_loop(*loops_[other]);
  interleaving_ = false;
}

void AgentLife::turn_steward() {
  const MonoTime now = machine_.witness.now;
  steward_waker_.woken = false;
  home_bell_at_ = kNever;
  steward_wants_ = steward_->turn(now, wall());
  if (!stopping()) return;
  advance_stop();
  // A lane that falls empty does not say so.
  steward_wants_ = std::min(
      {steward_wants_, now + kHomeLookAgain, stage_ == Stage::kDraining ? stop_deadline_ : kNever});
}

void AgentLife::begin_stop() {
  machine_.witness.see("operator stops the agent");
  stage_ = Stage::kDraining;
  stop_deadline_ = machine_.witness.now + machine_.plan.shutdown_timeout;
  steward_->begin_stop();
  for (auto& loop : loops_) loop->waker.wake();
  steward_waker_.wake();
}

void AgentLife::advance_stop() {
  const MonoTime now = machine_.witness.now;
  const bool done = steward_->stopped() && lanes_empty();
  const bool late = stage_ == Stage::kGivingBack && now >= stop_deadline_ + kEndPatience;
  if (done || late) {
    stage_ = Stage::kEnded;
  } else if (stage_ == Stage::kDraining && now >= stop_deadline_) {
    stage_ = Stage::kGivingBack;
    give_back_ = true;
    for (auto& loop : loops_) loop->waker.wake();
  }
}

bool AgentLife::lanes_empty() const {
  return std::all_of(gauges_.begin(), gauges_.end(),
                     [](const LaneGauge& gauge) { return gauge.idle(); });
}

void AgentLife::finish() {
  for (auto& loop : loops_) {
    for (Post& post : loop->posts) {
      post.wire->agent_died();
      post.dead->agent_died();
      if (post.spool != nullptr) post.spool->agent_ends(true);
    }
    loop->shard.reset();
  }
  const Result<Bytes> left = steward_->finish(machine_.witness.now, wall());
  machine_.witness.see("agent    stopped, %ld bytes undelivered, stored: %ld",
                       left.ok() ? left.value().value : -1, left.ok() ? 1 : 0);
  if (!left.ok()) return;
  machine_.witness.saw(Rare::kCleanStop);
  const bool disk_works = machine_.plan.nth == nullptr || !machine_.faults;
  if (machine_.plan.disk_error == 0 && disk_works) machine_.ledger.check_clean_stop();
}

void AgentLife::die() {
  machine_.witness.saw(stopping() ? Rare::kCrashInStop : Rare::kCrash);
  for (auto& loop : loops_) {
    for (Post& post : loop->posts) {
      post.wire->agent_died();
      post.dead->agent_died();
      if (post.spool != nullptr) post.spool->agent_ends(false);
    }
  }
}

bool AgentLife::empty() const {
  const bool no_reads = std::all_of(loops_.begin(), loops_.end(), [](const auto& loop) {
    return loop->io == nullptr || loop->io->in_flight() == 0;
  });
  const bool no_credit_lent =
      std::all_of(gauges_.begin(), gauges_.end(), [](const LaneGauge& gauge) {
        return gauge.held_bytes.load() == 0 && gauge.held_lines.load() == 0;
      });
  return no_reads && no_credit_lent && lanes_empty() && home_->size_approx() == 0 &&
         buffers_->taken() == 0 && bytes_in_flight() == 0;
}

// A batch that is still open has no credit yet.
int64_t AgentLife::bytes_in_flight() const {
  int64_t bytes = 0;
  for (const ShardMetrics& shard : shard_metrics_)
    bytes += shard.read_bytes.get() - shard.returned_bytes.get();
  for (const LaneMetrics& lane : lane_metrics_) {
    bytes -=
        lane.delivered_raw_bytes.get() + lane.dropped_raw_bytes.get() + lane.dead_raw_bytes.get();
    bytes += lane.replayed_raw_bytes.get() - lane.spooled_raw_bytes.get();
  }
  return bytes;
}

void AgentLife::check_counts() {
  int64_t read_bytes = 0;
  for (const ShardMetrics& metrics : shard_metrics_) read_bytes += metrics.read_bytes.get();
  if (read_bytes != machine_.ledger.taken_bytes())
    machine_.witness.violation("I8 METRIC", fmt::format("read_bytes says {}, {} were taken",
                                                        read_bytes, machine_.ledger.taken_bytes()));
  for (uint32_t i = 0; i < gauges_.size(); ++i) check_lane(i);
}

void AgentLife::check_audit() {
  Witness& witness = machine_.witness;
  const AuditReport report = steward_->audit(witness.now, wall());
  for (const AuditLine& line : report.lines) {
    const Bytes none(0);
    const bool sane = line.acked >= none && line.unread >= none && line.dropped >= none &&
                      line.skipped >= none && sum_of(line.missed) >= none;
    // Lines of an old content may come home after their file was let go; their books stay open.
    const bool at_rest = line.in_flight == none || line.state == AuditState::kPast;
    if (line.balanced() && sane && at_rest) continue;
    witness.violation(
        "I8 METRIC",
        fmt::format(
            "the audit of {} generation {}: {} bytes are {} acked, {} in flight, {} unread, "
            "{} dropped, {} skipped, {} missed",
            line.path, line.generation, line.size.value, line.acked.value, line.in_flight.value,
            line.unread.value, line.dropped.value, line.skipped.value, sum_of(line.missed).value));
  }
  const int64_t in_flight = bytes_in_flight();
  if (in_flight != 0)
    witness.violation("I8 METRIC", fmt::format("{} bytes are in flight at rest", in_flight));
}

void AgentLife::check_lane(uint32_t destination) {
  const DestinationPlan& plan = machine_.plan.destinations[destination];
  const LaneMetrics& metrics = lane_metrics_[destination];
  const LaneCounts& counts = machine_.ledger.counts(destination);
  const auto equal = [&](const char* what, int64_t said, int64_t is) {
    if (said != is)
      machine_.witness.violation("I8 METRIC", fmt::format("{} says {}, it is {}", what, said, is));
  };
  equal("delivered_parcels", metrics.delivered_parcels.get(), counts.delivered_parcels);
  equal("delivered_lines", metrics.delivered_lines.get(), counts.delivered_lines);
  equal("delivered_raw_bytes", metrics.delivered_raw_bytes.get(), counts.delivered_raw_bytes);
  equal("delivered_body_bytes", metrics.delivered_body_bytes.get(), counts.delivered_body_bytes);
  equal("dropped_lines", metrics.dropped_lines.get(), counts.dropped_lines);
  equal("dropped_raw_bytes", metrics.dropped_raw_bytes.get(), counts.dropped_raw_bytes);
  const LaneGauge& gauge = gauges_[destination];
  if (!gauge.has_credit()) machine_.witness.saw(Rare::kNoCredit);
  const int64_t parcels = gauge.held_parcels.load();
  // Each shard may see the last free place at the same time, and seals once more when it drains.
  // One may come out of the spool beside them.
  const int64_t parcels_most = plan.parcels_max + 2 * machine_.plan.shards + (plan.spool ? 1 : 0);
  if (parcels > parcels_most || parcels < 0)
    machine_.witness.violation("I7 BOUND",
                               fmt::format("{} parcels, {} may be", parcels, parcels_most));
}

}  // namespace sluice::sim

// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "control/config_endpoint.h"
#include "control/config_values.h"
#include "platform/pread_io.h"
#include "sluice/crash_point.h"

namespace sluice {
namespace {

// After the deadline of a stop the loops get this long to let go of what they hold.
constexpr Duration kEndPatience{800'000'000};
// A shard answers within a turn, unless its disk hangs.
constexpr Duration kTellPatience{2'000'000'000};
constexpr int kExitFailed = 1;

std::string number(int64_t value) {
  return std::to_string(value);
}

}  // namespace

Agent::Agent(const AgentConfig& config, Composition& parts, OwnLog& log, StatusBoard& board,
             AuditBoard& audits, std::function<bool()> reconsider)
    : config_(config),
      parts_(parts),
      log_(log),
      board_(board),
      audits_(audits),
      reconsider_(std::move(reconsider)) {}

Agent::~Agent() {
  // A start that was refused half way has loops that nobody told to end.
  end_loops();
  for (auto& loop : parts_.loops) loop->join();
  parts_.steward_waker.detach();
}

std::string Agent::prepare() {
  // The steward reads no log files through its loop, so the plainest one will do.
  Result<std::unique_ptr<PreadIo>> io = PreadIo::create(LoopIoOptions{});
  if (!io) return "cannot wait for events: " + io.error().message();
  io_ = std::move(io).value();
  Result<std::unique_ptr<Signals>> signals =
      Signals::create(*io_, {.stop = [this](const char* name, int count) { on_stop(name, count); },
                             .reload = [this] { on_reload(); }});
  if (!signals) return signals.error().message();
  signals_ = std::move(signals).value();
  parts_.steward_waker.attach(io_.get());
  return start_loops();
}

std::string Agent::start_loops() {
  loops_started_ = true;
  for (auto& loop : parts_.loops) loop->start();
  std::string problem;
  for (auto& loop : parts_.loops) {
    const std::string refusal = loop->wait_ready();
    if (problem.empty()) problem = refusal;
  }
  return problem;
}

// Tells every loop to leave its thread; afterwards nobody here wakes one any more.
void Agent::end_loops() {
  if (!loops_started_ || end_told_) return;
  end_told_ = true;
  parts_.controls->end.store(true, std::memory_order_release);
  wake_loops();
  parts_.controls->nobody_wakes.count_down();
}

std::string Agent::start_steward() {
  const Result<void> started = parts_.steward->start(parts_.clock.mono(), parts_.clock.wall());
  if (started) return {};
  const std::string& why = parts_.store->problem();
  return why.empty() ? started.error().message() : why;
}

std::string Agent::io_backend() const {
  for (const auto& loop : parts_.loops) {
    if (loop->backend() == "pread") return "pread";
  }
  return "uring";
}

void Agent::announce() {
  for (const auto& loop : parts_.loops) {
    if (loop->note().empty()) continue;
    log_.event(Severity::kInfo, "agent.io", loop->note());
    break;
  }
  for (const DestinationConfig& destination : config_.destinations) {
    log_.event(Severity::kInfo, "agent.started:" + destination.name,
               "shipping to " + endpoints_for_show(destination.endpoints),
               {{"destination", destination.name}});
  }
  const StewardMetrics& steward = parts_.steward_metrics;
  log_.event(Severity::kInfo, "agent.running", "running",
             {{"version", SLUICE_VERSION},
              {"files", number(steward.files_added.get())},
              {"resumed", number(steward.files_resumed.get())},
              {"shards", number(parts_.shards)},
              {"io", io_backend()},
              {"state", config_.state_dir},
              {"memory_bytes", number(parts_.plan.total().value)}});
  const std::string plan = parts_.plan.table();
  for (size_t begin = 0; begin < plan.size();) {
    const size_t end = plan.find('\n', begin);
    const std::string term = plan.substr(begin, end - begin);
    log_.event(Severity::kDebug, "agent.memory:" + term, "memory: " + term);
    begin = end == std::string::npos ? plan.size() : end + 1;
  }
}

Ending Agent::run() {
  const std::string problem = start_steward();
  if (!problem.empty()) {
    log_.event(Severity::kError, "agent.start", problem);
    return Ending::kRefused;
  }
  announce();
  turn_until_stopped();
  return finish();
}

void Agent::on_stop(const char* name, int count) {
  if (count > 1) {
    // The store is transactional and everything that is not stored is read again: nothing is lost
    // by leaving now, a little may be sent twice.
    log_.event(Severity::kWarning, "agent.killed", "second signal: ending at once",
               {{"signal", name}});
    _exit(kExitFailed);
  }
  log_.event(Severity::kInfo, "agent.stopping",
             "stopping: delivering what is in flight; a second signal ends at once",
             {{"signal", name}, {"at_most", format_duration(config_.shutdown_timeout)}});
  reload_ = false;
  begin_drain(config_.shutdown_timeout);
}

void Agent::on_reload() {
  // Also while it stops: the newest good configuration counts, and one that came too late is read
  // by the next start anyway.
  if (!reconsider_() || stage_ != Stage::kRunning) return;
  log_.event(Severity::kInfo, "agent.reloading",
             "new configuration: delivering what is in flight, then starting with it");
  reload_ = true;
  begin_drain(std::min(config_.shutdown_timeout, kReloadPatience));
}

void Agent::begin_drain(Duration patience) {
  stop_deadline_ = parts_.clock.mono() + patience;
  if (stage_ == Stage::kRunning) {
    stage_ = Stage::kDraining;
    parts_.steward->begin_stop();
  }
  parts_.controls->stop_deadline_ns.store(stop_deadline_.value, std::memory_order_release);
  wake_loops();
}

void Agent::turn_until_stopped() {
  while (stage_ != Stage::kEnding) {
    const MonoTime now = parts_.clock.mono();
    MonoTime next = parts_.steward->turn(now, parts_.clock.wall());
    if (stage_ != Stage::kRunning) {
      advance_stop(now);
      next = std::min(next,
                      stage_ == Stage::kDraining ? stop_deadline_ : stop_deadline_ + kEndPatience);
    }
    survey_if_wanted(now);
    audit_if_wanted(now);
    next = std::min(next, audit_deadline_);
    next = std::min(next, log_.turn(now));
    if (stage_ != Stage::kEnding) io_->wait(wait_until(next, now));
  }
}

void Agent::advance_stop(MonoTime now) {
  const bool done = parts_.steward->stopped() && lanes_empty();
  const bool out_of_patience = stage_ == Stage::kGivingBack && now >= stop_deadline_ + kEndPatience;
  if (done || out_of_patience) {
    stage_ = Stage::kEnding;
    return;
  }
  if (stage_ == Stage::kDraining && now >= stop_deadline_) {
    stage_ = Stage::kGivingBack;
    parts_.controls->give_back.store(true, std::memory_order_release);
    wake_loops();
  }
}

// The next wait: not longer than the bell of homecoming parcels and the hints allow.
MonoTime Agent::wait_until(MonoTime wanted, MonoTime now) {
  // A lane that falls empty does not say so.
  if (stage_ != Stage::kRunning) wanted = std::min(wanted, now + HomeBell::kLookAgain);
  // Hints that come right after a look can wait: do not even be woken for them. The descriptor is
  // taken out of the wait set, for inotify wakes a waiter that has asked for nothing, too: 10,000
  // times a second beside one busy writer, which cost 6 % of a core.
  const bool watch = now >= parts_.steward->hints_wanted_at();
  if (watch != hints_watched_ && parts_.feed_fd >= 0) {
    if (watch) {
      io_->watch(parts_.feed_fd, POLLIN, &hint_listener_);
    } else {
      io_->unwatch(parts_.feed_fd);
    }
    hints_watched_ = watch;
  }
  if (!watch) wanted = std::min(wanted, parts_.steward->hints_wanted_at());
  return parts_.home_bell.sleep_until(now, wanted);
}

void Agent::survey_if_wanted(MonoTime now) {
  if (!board_.survey_wanted()) return;
  const uint64_t ticket = board_.begin_survey();
  const Survey survey = parts_.steward->survey(now);
  AgentStatus status;
  status.phase = stage_ == Stage::kRunning ? AgentPhase::kRunning : AgentPhase::kDraining;
  status.lag = survey.lag;
  status.lag_age = survey.lag_age;
  status.files = static_cast<int64_t>(survey.files);
  for (size_t i = 0; i < parts_.lane_metrics.size(); ++i) {
    const LaneMetrics& lane = parts_.lane_metrics[i];
    const bool asked = lane.sent_requests.get() > 0;
    if (asked && lane.healthy.get() == 0) {
      status.unhealthy.push_back("destination '" + config_.destinations[i].name +
                                 "' does not take requests; see the log");
    }
  }
  // Its thread is this one.
  if (const std::string& why = parts_.store->problem(); !why.empty())
    status.degraded.push_back("positions cannot be stored, so a crash now would repeat lines: " +
                              why);
  board_.publish(std::move(status), ticket);
}

// Two steps: the shards are asked how far they have read; when all have said so, or time is up, the
// books are copied. Neither waits for anything.
void Agent::audit_if_wanted(MonoTime now) {
  if (audit_deadline_ == kNever) {
    if (!audits_.wanted()) return;
    audit_ticket_ = audits_.begin();
    parts_.steward->ask_positions();
    audit_deadline_ = now + kTellPatience;
  }
  if (!parts_.steward->positions_known() && now < audit_deadline_) return;
  audit_deadline_ = kNever;
  audits_.publish(parts_.steward->audit(now, parts_.clock.wall()), audit_ticket_);
}

bool Agent::lanes_empty() const {
  return std::all_of(parts_.gauges.begin(), parts_.gauges.end(),
                     [](const LaneGauge& gauge) { return gauge.idle(); });
}

bool Agent::loops_ended() const {
  return std::all_of(parts_.loops.begin(), parts_.loops.end(),
                     [](const auto& loop) { return loop->ended(); });
}

void Agent::wake_loops() {
  for (int32_t i = 0; i < parts_.shards; ++i) {
    parts_.shard_bell->waker_of(static_cast<size_t>(i)).wake();
  }
  for (const auto& waker : parts_.lane_wakers) waker->wake();
}

// What nobody has read yet waits in its file; only what was read and had to be given back is worth
// a warning, for it may come twice.
void Agent::tell_what_is_left(Bytes left) {
  const bool gave_back = parts_.controls->give_back.load(std::memory_order_relaxed);
  const std::string bytes = number(left.value);
  if (left > Bytes(0) && gave_back) {
    log_.event(Severity::kWarning, "agent.stopped",
               reload_ ? "the destination did not take all in time; what is undelivered stays in "
                         "its files and is read again with the new configuration"
                       : "stopped; what is undelivered stays in its files for the next start",
               {{"undelivered_bytes", bytes}});
  } else if (reload_) {
    log_.event(Severity::kInfo, "agent.stopped",
               "everything that was read is delivered; what is unread is read with the new "
               "configuration",
               {{"unread_bytes", bytes}});
  } else {
    log_.event(Severity::kInfo, "agent.stopped",
               left > Bytes(0) ? "stopped; everything that was read is delivered, the rest stays "
                                 "in its files for the next start"
                               : "stopped; everything that was read is delivered",
               {{"undelivered_bytes", bytes}});
  }
}

Ending Agent::finish() {
  SLUICE_CRASHPOINT("stop.drained");
  end_loops();
  // A loop that hangs in the kernel (a dead disk) must not keep the last checkpoint from being
  // written; what it still holds is read again by the next run.
  const MonoTime patience = parts_.clock.mono() + kEndPatience;
  while (!loops_ended() && parts_.clock.mono() < patience) {
    io_->wait(parts_.clock.mono() + Duration(1'000'000));
  }
  const bool clean = loops_ended();
  const Result<Bytes> left = parts_.steward->finish(parts_.clock.mono(), parts_.clock.wall());
  Ending ending = reload_ ? Ending::kReload : Ending::kGood;
  if (!left) {
    log_.event(Severity::kError, "agent.checkpoint",
               "the last checkpoint could not be stored, so some lines will be sent again: " +
                   parts_.store->problem());
    // A reload goes on all the same: an agent that delivers is worth more than exact positions.
    if (!reload_) ending = Ending::kFailed;
  } else {
    tell_what_is_left(left.value());
  }
  SLUICE_CRASHPOINT("stop.end");
  // A thread that hangs in the kernel can neither be joined nor be left behind.
  if (!clean) _exit(ending == Ending::kGood ? 0 : kExitFailed);
  return ending;
}

}  // namespace sluice

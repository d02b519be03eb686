// SPDX-License-Identifier: Apache-2.0
// agent.h — one configuration from start to graceful stop.
//
// In:      a composition, signals.
// Out:     delivered lines; at the end how many bytes stay undelivered, and why it ended.
// Owns:    the steward's loop; borrows the composition.
// Thread:  the calling thread becomes the steward's.
// Limits:  a stop takes at most shutdown_timeout and a second; a second signal ends at once. The
//          stop before a new configuration takes at most kReloadPatience and a second: a reload is
//          often the cure for a destination that takes nothing.
// Fails:   what cannot be made is one log line that names the remedy, and exit code 1.
// Why so:  the order of the stop is the promise: shards stop reading, lanes deliver what is in
//          flight, the acks come home, the last checkpoint is written, and only then the process
//          ends.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/composition.h"
#include "agent/signals.h"
#include "control/audit_board.h"
#include "control/own_log.h"
#include "control/status_board.h"
#include "sluice/config.h"

namespace sluice {

enum class Ending : uint8_t {
  kGood,     // a signal asked for it, and the positions are stored
  kFailed,   // a signal asked for it, and the positions could not be stored
  kRefused,  // it could not start
  kReload,   // a new configuration waits
};

class Agent {
 public:
  static constexpr Duration kReloadPatience{5'000'000'000};

  // `reconsider` is asked at each SIGHUP: does a good new configuration wait?
  Agent(const AgentConfig& config, Composition& parts, OwnLog& log, StatusBoard& board,
        AuditBoard& audits, std::function<bool()> reconsider);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Makes the steward's loop and starts the others. A sentence if one of them cannot be made.
  std::string prepare();
  // Starts the steward, turns until the stop is through.
  // REQUIRES: prepare() found nothing wrong.
  Ending run();
  // "uring" or "pread": what the shards read with. REQUIRES: as for run().
  std::string io_backend() const;

 private:
  // Only ends the wait: the steward looks at the feed by itself.
  class HintListener final : public FdListener {
   public:
    void on_ready(int, uint32_t) override {}
  };
  enum class Stage : uint8_t { kRunning, kDraining, kGivingBack, kEnding };

  std::string start_loops();
  std::string start_steward();
  void announce();
  void on_stop(const char* name, int count);
  void on_reload();
  void begin_drain(Duration patience);
  void turn_until_stopped();
  void advance_stop(MonoTime now);
  void survey_if_wanted(MonoTime now);
  void audit_if_wanted(MonoTime now);
  MonoTime wait_until(MonoTime wanted, MonoTime now);
  bool lanes_empty() const;
  bool loops_ended() const;
  void end_loops();
  void wake_loops();
  void tell_what_is_left(Bytes left);
  Ending finish();

  const AgentConfig& config_;
  Composition& parts_;
  OwnLog& log_;
  StatusBoard& board_;
  AuditBoard& audits_;
  const std::function<bool()> reconsider_;

  std::unique_ptr<LoopIo> io_;
  std::unique_ptr<Signals> signals_;
  HintListener hint_listener_;
  Stage stage_ = Stage::kRunning;
  bool reload_ = false;  // what the drain is for
  MonoTime stop_deadline_ = kNever;
  MonoTime audit_deadline_ = kNever;  // of the audit under way, which waits for the shards
  uint64_t audit_ticket_ = 0;
  bool hints_watched_ = false;
  bool loops_started_ = false;
  bool end_told_ = false;
};

}  // namespace sluice

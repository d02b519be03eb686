// SPDX-License-Identifier: Apache-2.0
// service.h — one agent after the other, each with a configuration of its own, in one process.
//
// In:      the arguments, read again at each SIGHUP together with files and environment.
// Out:     the exit code of the process.
// Owns:    the screen, the log, the composition and the admin port of the agent that runs, and the
//          lock on the state directory from one agent to the next.
// Thread:  the main thread.
// Limits:  between two agents nothing is read for as long as the drain takes: an answer of each
//          destination, at most Agent::kReloadPatience. Counters begin anew, as after a restart.
// Fails:   a configuration that is wrong is logged with file, line and remedy, and the agent goes
//          on. One that is right and cannot start (a port in use) gives way to the one before.
// Why so:  stop and start are the two things that crash campaigns try most. A reload that is a stop
//          and a start has no states of its own in which lines could be lost.
#pragma once

#include <optional>
#include <span>

#include "agent/agent.h"
#include "agent/composition.h"
#include "control/own_log.h"
#include "control/own_log_screen.h"
#include "platform/system_clock.h"
#include "sluice/agent_metrics.h"
#include "sluice/config.h"

namespace sluice {

class Service {
 public:
  Service(std::span<char* const> args, AgentConfig first);

  // Returns when a signal has asked for it, or when no configuration can start.
  int run();

 private:
  Ending run_one();
  Ending run_parts(Composition& parts, OwnLog& log);
  bool reconsider(OwnLog& log);
  Ending refuse(OwnLog& log, const std::string& problem) const;

  const std::span<char* const> args_;
  SystemClock clock_;
  const MonoTime started_;
  Screen screen_;
  StateLock lock_;
  ReloadMetrics metrics_;
  AgentConfig config_;                 // of the agent that runs
  std::optional<AgentConfig> next_;    // right, and waits for the end of the drain
  std::optional<AgentConfig> before_;  // ran before, for the case that config_ cannot start
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// progress_writer.h — keeps the progress line of a terminal alive, once per second.
//
// In:      the counters and the status board.
// Out:     the last line of a terminal. Elsewhere nothing, or plain lines if the user asks (kOn).
// Owns:    one thread, which exists only if something is shown.
// Thread:  start and stop by one thread. REQUIRES: everything passed in outlives it.
// Limits:  one survey per second, waited for 300 ms; an old one is shown rather than none.
// Fails:   cannot.
// Why so:  a thread and not the steward's loop: the line asks the steward for a survey and must
//          be able to say that it does not answer. Nobody watches a daemon, so a daemon has none.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "control/own_log_screen.h"
#include "control/progress_line.h"
#include "sluice/clock.h"
#include "sluice/config.h"

namespace sluice {

class ProgressWriter {
 public:
  // `period` is a second but for tests.
  ProgressWriter(Screen& screen, const AgentMetricsView& view, StatusBoard& board, Clock& clock,
                 ProgressMode mode, Duration period = Duration(1'000'000'000));
  ~ProgressWriter();
  ProgressWriter(const ProgressWriter&) = delete;
  ProgressWriter& operator=(const ProgressWriter&) = delete;

  // Takes the line away and ends the thread.
  void stop();

 private:
  void run();
  ProgressSample sample();

  Screen& screen_;
  const AgentMetricsView& view_;
  StatusBoard& board_;
  Clock& clock_;
  const Duration period_;

  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stopping_ = false;  // under mutex_

  std::thread thread_;
};

}  // namespace sluice

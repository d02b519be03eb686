// SPDX-License-Identifier: Apache-2.0
// own_log.h — the agent's own log on stderr: text or JSON, with repeats summed up.
//
// In:      events from any thread.
// Out:     lines on the screen, at or above the threshold.
// Owns:    the windows of repeated events. REQUIRES: screen and clock outlive it.
// Thread:  any; one lock. turn() by whichever loop wakes anyway.
// Limits:  see own_log_repeats.h and own_log_screen.h: a line per key and 10 s, and at most 50 ms
//          of waiting for a stderr that takes no bytes.
// Fails:   never: out of memory costs the line.
// Why so:  no logging library and no thread. A thread would have to be stopped while stderr may be
//          blocked, which is when agents hang at exit; what is left is a format and one write.
#pragma once

#include <mutex>
#include <vector>

#include "control/own_log_repeats.h"
#include "control/own_log_screen.h"
#include "sluice/clock.h"
#include "sluice/config.h"
#include "sluice/event_log.h"

namespace sluice {

class OwnLog final : public EventLog {
 public:
  OwnLog(Screen& screen, Clock& clock, LogLevel threshold, LogFormat format);
  ~OwnLog() override;  // prints what was counted and not yet summed up

  using EventLog::event;
  void event(Severity severity, std::string_view key, std::string_view message,
             std::span<const EventField> fields) noexcept override;

  // Prints the sums that are due; answers when there will be one (kNever: none is pending).
  MonoTime turn(MonoTime now) noexcept;

 private:
  void print(const std::vector<RepeatFilter::Summary>& summaries);

  Screen& screen_;
  Clock& clock_;
  const LogLevel threshold_;
  const LogFormat format_;

  std::mutex mutex_;
  RepeatFilter repeats_;  // under mutex_
};

}  // namespace sluice

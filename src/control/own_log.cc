// SPDX-License-Identifier: Apache-2.0
#include "control/own_log.h"

#include "control/own_log_format.h"

namespace sluice {

namespace {

bool is_at_or_above(Severity severity, LogLevel threshold) {
  switch (threshold) {
    case LogLevel::kDebug:
      return true;
    case LogLevel::kInfo:
      return severity >= Severity::kInfo;
    case LogLevel::kWarning:
      return severity >= Severity::kWarning;
    case LogLevel::kError:
      return severity >= Severity::kError;
    case LogLevel::kOff:
      return false;
  }
  return true;
}

}  // namespace

OwnLog::OwnLog(Screen& screen, Clock& clock, LogLevel threshold, LogFormat format)
    : screen_(screen), clock_(clock), threshold_(threshold), format_(format) {}

OwnLog::~OwnLog() {
  try {
    const std::lock_guard lock(mutex_);
    std::vector<RepeatFilter::Summary> due;
    repeats_.flush(due);
    print(due);
  } catch (...) {  // out of memory: the sums are lost, nothing else
  }
}

void OwnLog::event(Severity severity, std::string_view key, std::string_view message,
                   std::span<const EventField> fields) noexcept {
  if (!is_at_or_above(severity, threshold_)) return;
  try {
    const MonoTime now = clock_.mono();
    const std::lock_guard lock(mutex_);
    std::vector<RepeatFilter::Summary> due;
    const bool admitted = repeats_.admit(key, severity, message, now, due);
    print(due);
    if (!admitted) return;
    screen_.line(log_line({.at = clock_.wall(),
                           .severity = severity,
                           .key = key,
                           .message = message,
                           .fields = fields,
                           .repeats = 0},
                          format_));
  } catch (...) {  // out of memory: the line is lost, nothing else
  }
}

MonoTime OwnLog::turn(MonoTime now) noexcept {
  try {
    const std::lock_guard lock(mutex_);
    std::vector<RepeatFilter::Summary> due;
    const MonoTime next = repeats_.turn(now, due);
    print(due);
    return next;
  } catch (...) {
    return kNever;
  }
}

void OwnLog::print(const std::vector<RepeatFilter::Summary>& summaries) {
  for (const RepeatFilter::Summary& summary : summaries) {
    screen_.line(log_line({.at = clock_.wall(),
                           .severity = summary.severity,
                           .key = summary.key,
                           .message = summary.message,
                           .fields = {},
                           .repeats = summary.repeats},
                          format_));
  }
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// event_log.h — the seam to the agent's own log: what happened, for people, from any thread.
//
// In:      a severity, a key that names the event, one sentence, and named values if there are any.
// Out:     a line on stderr or nothing; the caller cannot tell and need not care.
// Owns:    nothing. All views are borrowed for the call only.
// Thread:  any; may take a lock and write, so: per state change of a file, a request or the agent,
//          never per line, block or successful parcel.
// Limits:  events with the same key are counted and summed up within 10 s, so a caller that
//          reports every failed attempt is welcome. A key names what is counted together: put the
//          subject into it ("lane.hold:default") if two subjects must not hide each other.
// Fails:   never; a log that cannot be written is dropped, not delivery.
// Why so:  flow may not log by itself; with this seam it reports, and the simulator reads along.
//          Never pass a secret: nothing behind this seam can know that a text is one.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

namespace sluice {

enum class Severity : uint8_t {
  kDebug,
  kInfo,
  kWarning,  // the agent copes, a person may want to know
  kError,    // a person has to do something; the message names the remedy
};

// A named value of an event: `path=/var/log/a.log` in text, a member of "fields" in JSON.
struct EventField {
  std::string_view name;  // snake_case
  std::string_view value;
};

class EventLog {
 public:
  virtual ~EventLog() = default;

  virtual void event(Severity severity, std::string_view key, std::string_view message,
                     std::span<const EventField> fields) noexcept = 0;

  void event(Severity severity, std::string_view key, std::string_view message) noexcept {
    event(severity, key, message, std::span<const EventField>());
  }
  void event(Severity severity, std::string_view key, std::string_view message,
             std::initializer_list<EventField> fields) noexcept {
    event(severity, key, message, std::span<const EventField>(fields.begin(), fields.size()));
  }
};

// For tests and tools that have nobody to tell.
class NoEventLog final : public EventLog {
 public:
  using EventLog::event;
  void event(Severity, std::string_view, std::string_view,
             std::span<const EventField>) noexcept override {}
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// own_log_format.h — one event as one line: for people, or as one JSON object.
//
// In:      an event with its time.
// Out:     a line without its newline, whatever bytes the event holds.
// Owns:    nothing.
// Thread:  pure.
// Limits:  2 KiB of message, 512 bytes of a value, 16 values; the rest is cut with "...".
// Fails:   cannot.
// Why so:  messages quote names of files and answers of servers, which strangers choose: no line
//          may be forged and no terminal be driven by them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sluice/config.h"
#include "sluice/event_log.h"
#include "sluice/units.h"

namespace sluice {

struct LogEntry {
  WallTime at;
  Severity severity = Severity::kInfo;
  std::string_view key;
  std::string_view message;
  std::span<const EventField> fields{};
  int64_t repeats = 0;  // above 0: this many more like it came within a window
};

// 2025-11-22T17:30:00.123Z warning the destination is down name=default
// {"ts":"2025-11-22T17:30:00.123Z","level":"warning","event":"lane.down","msg":"…","fields":{…}}
std::string log_line(const LogEntry& entry, LogFormat format);

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// own_log_repeats.h — decides which events are printed and which are only counted.
//
// In:      the key of each event and the time.
// Out:     print it now, or count it; and, when a window of 10 s is over, how many were counted.
// Owns:    one entry per key that was seen in the last window.
// Thread:  whoever holds the log's lock. Pure: no clock, no output.
// Limits:  512 keys; further ones share the entry "other" until some have expired.
// Fails:   cannot.
// Why so:  a destination that is down for a night fails 100,000 times and is worth one line each
//          10 s; the first of them is worth a line at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/event_log.h"
#include "sluice/units.h"

namespace sluice {

class RepeatFilter {
 public:
  static constexpr Duration kWindow = Duration(10'000'000'000);
  static constexpr size_t kKeysMax = 512;

  // Events that were counted and not printed; the message is that of the last one.
  struct Summary {
    Severity severity = Severity::kInfo;
    std::string key;
    std::string message;
    int64_t repeats = 0;
  };

  // True: print it. Summaries of the same key that are due come before it.
  bool admit(std::string_view key, Severity severity, std::string_view message, MonoTime now,
             std::vector<Summary>& due);

  // Ends the windows that are over; answers when the next one with something to say will be.
  MonoTime turn(MonoTime now, std::vector<Summary>& due);

  // Everything that was counted so far, whenever its window ends.
  void flush(std::vector<Summary>& due);

 private:
  struct Window {
    MonoTime ends;
    Severity severity = Severity::kInfo;
    std::string last_message;
    int64_t repeats = 0;
  };
  using Windows = std::map<std::string, Window, std::less<>>;

  Windows::iterator window_of(std::string_view key, MonoTime now, std::vector<Summary>& due);

  Windows windows_;
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "control/own_log_repeats.h"

#include <algorithm>
#include <utility>

namespace sluice {

namespace {
constexpr std::string_view kOther = "other";
}  // namespace

bool RepeatFilter::admit(std::string_view key, Severity severity, std::string_view message,
                         MonoTime now, std::vector<Summary>& due) {
  const auto at = window_of(key, now, due);
  Window& window = at->second;
  if (now >= window.ends) {
    if (window.repeats > 0) {
      due.push_back({window.severity, at->first, std::move(window.last_message), window.repeats});
    }
    window = Window{.ends = now + kWindow, .severity = severity, .last_message = {}, .repeats = 0};
    return true;
  }
  ++window.repeats;
  window.severity = std::max(window.severity, severity);
  window.last_message = message;
  return false;
}

MonoTime RepeatFilter::turn(MonoTime now, std::vector<Summary>& due) {
  MonoTime next = kNever;
  for (auto at = windows_.begin(); at != windows_.end();) {
    Window& window = at->second;
    if (now >= window.ends && window.repeats == 0) {
      at = windows_.erase(at);
      continue;
    }
    if (now >= window.ends) {
      // The next window begins with a summary instead of an event.
      due.push_back({window.severity, at->first, std::move(window.last_message), window.repeats});
      window = Window{
          .ends = now + kWindow, .severity = window.severity, .last_message = {}, .repeats = 0};
    }
    if (window.repeats > 0) next = std::min(next, window.ends);
    ++at;
  }
  return next;
}

void RepeatFilter::flush(std::vector<Summary>& due) {
  for (auto& [key, window] : windows_) {
    if (window.repeats == 0) continue;
    due.push_back({window.severity, key, std::move(window.last_message), window.repeats});
  }
  windows_.clear();
}

// A new key gets a window that has already ended, so its first event is printed.
RepeatFilter::Windows::iterator RepeatFilter::window_of(std::string_view key, MonoTime now,
                                                        std::vector<Summary>& due) {
  if (const auto known = windows_.find(key); known != windows_.end()) return known;
  if (windows_.size() >= kKeysMax) turn(now, due);
  const std::string_view name = windows_.size() < kKeysMax ? key : kOther;
  Window ended;
  ended.ends = now;
  return windows_.try_emplace(std::string(name), std::move(ended)).first;
}

}  // namespace sluice

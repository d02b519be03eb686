// SPDX-License-Identifier: Apache-2.0
// crash_point.h — places in the code where a crash is most interesting, by name.
//
// In:      SLUICE_CRASHPOINT("name") in a build with -Dcrash_points=true, and the environment
//          variable SLUICE_CRASHPOINT=name:n at run time.
// Out:     SIGKILL to the own process when the point of that name is reached for the n-th time:
//          nothing is flushed, closed or destroyed, as when the machine's owner does it.
// Thread:  any; counted over all threads.
// Limits:  in every other build the macro is nothing at all.
// Why so:  a crash at a random moment hits the few microseconds between an ack and its checkpoint
//          about never; tests/crash goes through all names and looks what was lost.
#pragma once

#ifdef SLUICE_CRASH_POINTS

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string_view>

namespace sluice {

struct ArmedCrash {
  std::string_view name;
  std::atomic<long> left{0};

  ArmedCrash() {
    const char* armed = std::getenv("SLUICE_CRASHPOINT");
    const std::string_view text = armed != nullptr ? armed : "";
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return;
    name = text.substr(0, colon);
    left = std::strtol(armed + colon + 1, nullptr, 10);
  }
};

inline void crash_point(std::string_view name) noexcept {
  static ArmedCrash armed;
  if (name == armed.name && armed.left.fetch_sub(1) == 1) (void)std::raise(SIGKILL);
}

}  // namespace sluice

#define SLUICE_CRASHPOINT(name) ::sluice::crash_point(name)

#else

#define SLUICE_CRASHPOINT(name) static_cast<void>(0)

#endif

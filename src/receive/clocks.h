// SPDX-License-Identifier: Apache-2.0
// clocks.h — the two clocks of receiver and generator.
//
// Out:     the monotonic time, by which waits are decided; the wall time, which stamps lines, so
//          that generator and receiver may be different processes.
// Thread:  any.
// Limits:  latencies between two machines are as good as their clocks agree.
#pragma once

#include <time.h>

#include "sluice/units.h"

namespace sluice {

inline int64_t read_clock_ns(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}
inline MonoTime read_mono_clock() {
  return MonoTime(read_clock_ns(CLOCK_MONOTONIC));
}
inline WallTime read_wall_clock() {
  return WallTime(read_clock_ns(CLOCK_REALTIME));
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// system_clock.h — the machine's two clocks.
//
// In:      nothing.
// Out:     CLOCK_MONOTONIC for decisions, CLOCK_REALTIME for what is printed.
// Owns:    nothing.
// Thread:  any.
// Fails:   cannot: both clocks exist on every Linux.
// Why so:  CLOCK_MONOTONIC and not CLOCK_BOOTTIME: ring and epoll count monotonic time, and
//          deadlines must be on the same line as the waiting. A request that was open while the
//          machine slept gets its full remaining time afterwards.
#pragma once

#include "sluice/clock.h"

namespace sluice {

class SystemClock final : public Clock {
 public:
  MonoTime mono() override;
  WallTime wall() override;
};

}  // namespace sluice

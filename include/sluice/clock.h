// SPDX-License-Identifier: Apache-2.0
// clock.h — the seam to time.
//
// In:      nothing.
// Out:     mono(): decides everything (deadlines, back-off, linger); wall(): printed in records and
//          logs, and stored, never compared to decide.
// Thread:  any.
// Limits:  called once per turn by the loop that owns a shell, never per line. Code in src/flow
//          gets times as arguments.
// Why so:  a wall clock set back by an hour must not hold a retry for an hour; simulated time must
//          be able to run a day in a second.
#pragma once

#include "sluice/units.h"

namespace sluice {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonoTime mono() = 0;
  virtual WallTime wall() = 0;
};

}  // namespace sluice

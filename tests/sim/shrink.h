// SPDX-License-Identifier: Apache-2.0
// shrink.h — the shortest trace of a broken promise.
//
// In:      a plan and the trial in which it broke a promise.
// Out:     a smaller plan and a seed that break the same promise with fewer lines of trace.
// Owns:    nothing. Each try is a process of its own.
// Limits:  kTrialsMax tries, about five seconds. Always the same result for the same plan: there is
//          no clock in it.
// Why so:  a schedule has six hundred steps of four actors; a person understands twenty of two.
#pragma once

#include "plan.h"
#include "trial.h"

namespace sluice::sim {

struct Shortest {
  Plan plan;
  Trial trial;
  int trials = 0;
};

Shortest shrink(const Plan& plan, const Trial& broken);

}  // namespace sluice::sim

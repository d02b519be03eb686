// SPDX-License-Identifier: Apache-2.0
// trial.h — schedules in a process of their own, so that a failed check ends only that one.
//
// In:      work that runs schedules and writes on the board which one it is at.
// Out:     a Trial: whether a promise was broken, in which seed and step, how, and how long the
//          trace was until then. A failed SLUICE_CHECK and a schedule that never ends are broken
//          promises like others.
// Owns:    the child process, for the time of the call.
// Thread:  one.
// Limits:  a schedule gets kCpuMax of CPU; they take milliseconds.
// Why so:  bugs end programs. Who looks for the shortest trace of one, or for thirty planted ones,
//          must survive it a thousand times.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "world.h"

namespace sluice::sim {

struct Trial {
  bool good = true;
  uint64_t seed = 0;
  int64_t step = 0;
  int64_t lines = 0;  // of the trace
  std::string invariant, what;
};

// The memory that parent and child share.
class Board {
 public:
  // Runs one schedule in this process and notes a broken promise. False if there is one.
  bool run(uint64_t seed, const Plan& plan, bool tells, Verdict* verdict = nullptr);

  bool ended = false;  // the work came to its end, well or not
  bool broken = false;
  uint64_t seed = 0;
  int64_t step = 0;
  int64_t lines = 0;
  char invariant[32] = {};
  char what[600] = {};
};

// Forks; the child does `work` and ends. What it prints goes where it goes; its errors are kept for
// the report.
Trial try_apart(const std::function<void(Board&)>& work);
Trial try_schedule(uint64_t seed, const Plan& plan, bool tells);

}  // namespace sluice::sim

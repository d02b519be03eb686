// SPDX-License-Identifier: Apache-2.0
// trial.h — schedules in a process of their own, so that a failed check ends only that one.
//
// In:      work that runs schedules and writes on the board which one it is at.
// Out:     a Trial: whether a promise was broken, in which seed and step, how, how long the trace
//          was until then, and what it cost. A failed SLUICE_CHECK and a schedule that never ends
//          are broken promises like others.
// Owns:    the child process, which does not outlive its Apart nor its parent.
// Thread:  one.
// Limits:  a schedule gets kCpuMax of CPU; they take milliseconds.
// Why so:  bugs end programs. Who looks for the shortest trace of one, or for thirty planted ones,
//          must survive it a thousand times.
#pragma once

#include <sys/types.h>

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
  double cpu_s = 0;  // of the child
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

// One child that does `work` and ends. What it prints goes where it goes; its errors are kept for
// the report.
class Apart {
 public:
  explicit Apart(const std::function<void(Board&)>& work);
  ~Apart();
  Apart(const Apart&) = delete;
  Apart& operator=(const Apart&) = delete;

  pid_t child() const { return child_; }
  // Waits until it has ended. Once.
  Trial result();

 private:
  Board* board_;
  int errors_ = -1;
  pid_t child_ = -1;
};

// `room` bytes of zeros that children will share with their parent. Never given back.
void* shared_memory(size_t room);

Trial try_apart(const std::function<void(Board&)>& work);
Trial try_schedule(uint64_t seed, const Plan& plan, bool tells);

}  // namespace sluice::sim

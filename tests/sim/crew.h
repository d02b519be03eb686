// SPDX-License-Identifier: Apache-2.0
// crew.h — some processes that share the schedules of a campaign.
//
// In:      the seeds; how many processes; a journal of what was done before; whether to go on
//          behind a broken promise.
// Out:     figures, hashes of all traces, rare states, broken promises in the order of their seeds.
// Owns:    its children.
// Thread:  one; it sleeps until a child ends.
// Limits:  a child runs a chunk of kChunk seeds, so a kill costs the work of a second or less per
//          process. After a broken promise a new child takes the rest of the chunk.
// Why so:  a million schedules take half an hour on one core. Machines are rebooted within that
//          time, and one broken promise must not hide the next ones.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sluice/result.h"
#include "trial.h"

namespace sluice::sim {

inline constexpr uint64_t kChunk = 250;

struct Wanted {
  uint64_t from = 1;
  uint64_t count = 0;
  size_t jobs = 1;
  bool keep_going = false;
  std::string journal{};  // a file to go on from; empty: none
};

// Sums of schedules that kept their promises. Plain: it lies in shared memory, too.
struct Tally {
  uint64_t schedules = 0;
  uint64_t twice = 0;  // seeds that were run twice (I9)
  int64_t steps = 0;
  int64_t simulated_s = 0;
  RareCounts rare{};
  void add(const Tally& more);
};

struct Totals {
  Tally tally;
  double cpu_s = 0;
  uint64_t resumed = 0;          // schedules that the journal already had
  std::vector<uint64_t> traces;  // hashes
  std::vector<Trial> broken;
};

// Runs what is wanted. `progress` hears of each chunk. An error says why nothing could begin.
Result<Totals> run_chunks(const Wanted& wanted, const std::function<void(const Totals&)>& progress);

}  // namespace sluice::sim

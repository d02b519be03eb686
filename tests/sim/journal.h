// SPDX-License-Identifier: Apache-2.0
// journal.h — what a campaign has done so far, so that it can go on after it was ended.
//
// In:      chunks of seeds that are done, with their figures; broken promises.
// Out:     the same, from a file: lines of words and numbers, and beside it FILE.traces, the hashes
//          as they lie in memory.
// Owns:    both files.
// Limits:  a line that was cut is run again. Another build, even of the same sources, is refused:
//          its schedules are others.
// Why so:  a chunk counts when its line is whole; hashes are written before it, and one that is
//          written twice is the same trace.
#pragma once

#include <cstdio>
#include <set>
#include <span>
#include <string>

#include "crew.h"
#include "sluice/result.h"

namespace sluice::sim {

class Journal {
 public:
  Journal() = default;
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Reads what is there into `totals` and goes on behind it.
  Result<void> open(const std::string& path, Totals& totals);
  bool has(uint64_t first_seed) const { return done_.contains(first_seed); }
  void chunk_done(uint64_t first_seed, const Tally& tally, double cpu_s,
                  std::span<const uint64_t> traces);
  void promise_broken(const Trial& trial);

 private:
  void read_line(const std::string& line, Totals& totals);

  std::FILE* lines_ = nullptr;
  std::FILE* traces_ = nullptr;
  std::set<uint64_t> done_;
};

}  // namespace sluice::sim

// SPDX-License-Identifier: Apache-2.0
// ledger.h — what a generator wrote, so that a receiver can say what is missing.
//
// In:      counts per stream at the end of a run.
// Out:     a JSON file, written to a neighbour, synced and renamed: a reader sees all or nothing.
//          Form:
//          {"version":1,"shape","seed","lines","bytes","streams":[{"stream","file","lines","bytes",
//          "xxhash","raced":[[first,last],...]}]}. Sequences of a stream are 0 to lines - 1. xxhash
//          is the sum of the XXH3-64 of its lines modulo 2^64, so it needs no order. raced are
//          sequences written between the copy and the truncate of a rotation, which nobody can
//          promise to deliver.
// Thread:  value types and plain functions.
// Fails:   Error; an unknown version is refused, never guessed.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sluice/result.h"

namespace sluice {

struct LedgerStream {
  uint32_t stream = 0;
  std::string file;
  uint64_t lines = 0;
  uint64_t bytes = 0;
  uint64_t hash_sum = 0;
  std::vector<std::pair<uint64_t, uint64_t>> raced;  // first and last sequence, both included
};

struct Ledger {
  std::string shape;
  uint64_t seed = 0;
  std::vector<LedgerStream> streams;

  uint64_t lines() const;
  uint64_t bytes() const;
};

std::string ledger_text(const Ledger& ledger);
Result<Ledger> parse_ledger(std::string text);

Result<void> write_ledger(const Ledger& ledger, const std::string& path);
Result<Ledger> read_ledger(const std::string& path);

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// row_ledger.h — what became of the bytes of a tail that its offset does not speak of.
//
// In:      filled by the steward's tail ledgers; stored beside the checkpoint row.
// Out:     per generation (one content life of a file): skipped, acked, dropped, missed bytes.
// Owns:    plain values.
// Limits:  at most kPastMax entries; older generations are added up in the first one.
// Fails:   a sum that is larger than its size is a bug: in_flight() would be negative.
// Why so:  an offset proves what was delivered. It cannot tell a byte that was acked from one that
//          the user's own policy gave up, nor what a truncation took away before it was read, and
//          an operator who asks "is everything there?" after a restart is owed the same answer as
//          before it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sluice/ids.h"
#include "sluice/units.h"

namespace sluice {

// Why bytes that were there can no longer be delivered.
enum class MissedReason : uint8_t {
  kTruncated,  // the content was replaced before it was read
  kReplaced,   // the same while no agent ran
  kDeleted,    // the file went away while no agent had it open
  kUnacked,    // it was read, then replaced, and the agent ended before an answer was stored
};
inline constexpr size_t kMissedReasons = 4;

using MissedBytes = std::array<Bytes, kMissedReasons>;

inline Bytes sum_of(const MissedBytes& missed) {
  Bytes sum;
  for (const Bytes& each : missed) sum += each;
  return sum;
}

// A content life that is over, or several of them added up.
struct PastGeneration {
  Epoch epoch;               // the newest of them
  uint32_t generations = 1;  // how many
  Bytes size;                // as far as it was seen
  Bytes skipped;             // before the place where following began (from: end), and in holes
  Bytes acked;
  Bytes dropped;  // by the user's own overflow policy
  MissedBytes missed{};
  WallTime ended;

  // Read, and not answered yet.
  Bytes in_flight() const { return size - skipped - acked - dropped - sum_of(missed); }
  friend bool operator==(const PastGeneration&, const PastGeneration&) = default;
};

struct RowLedger {
  static constexpr size_t kPastMax = 8;

  // Of the present generation:
  FileOffset begin;  // where following it began, and the bytes of holes behind that
  Bytes dropped;     // before the offset
  Bytes seen;        // the largest size that was seen
  // Those before it, the oldest first.
  std::vector<PastGeneration> past{};

  friend bool operator==(const RowLedger&, const RowLedger&) = default;
};

}  // namespace sluice

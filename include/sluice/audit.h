// SPDX-License-Identifier: Apache-2.0
// audit.h — what became of every byte of every file: the answer to "is everything there?".
//
// In:      filled by the steward of a running agent, or from its store and the disk without one.
// Out:     lines, one per file, generation and destination, whose bytes add up to the file's size.
// Owns:    plain values; a snapshot, dead as soon as it is made.
// Limits:  one line per tail and at most RowLedger::kPastMax + 1 per row.
// Fails:   balanced() says whether a line adds up; one that does not is a bug.
// Why so:  "everything is delivered" is a claim. A sum that can be checked against `ls -l` with
//          one's own eyes is a proof, and what is missing has a name, a number and a reason.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sluice/ids.h"
#include "sluice/row_ledger.h"
#include "sluice/units.h"

namespace sluice {

enum class AuditState : uint8_t {
  kFollowed,      // open, being read
  kParked,        // delivered and closed to save a descriptor; growth opens it again
  kRotated,       // no pattern wants its present name; followed to its end all the same
  kDeleted,       // no name at all; followed by its descriptor
  kWaiting,       // for a descriptor
  kUnreadable,    // it matches, but cannot be opened
  kStopped,       // no agent runs: read on from the offset at the next start
  kGone,          // not there any more; the row is kept for a while
  kUnconfigured,  // the configuration does not want it any more
  kPast,          // a generation that is over: the content was replaced
};

struct AuditLine {
  std::string path;          // under which it was found; what its records carry
  std::string present_name;  // another one that refers to it now; empty: none is known
  std::string source;
  std::string destination;
  AuditState state = AuditState::kFollowed;
  uint32_t generation = 0;   // grows when the content is replaced
  uint32_t generations = 1;  // more than one: older ones, added up
  FileIdentity identity;
  FileOffset offset;  // everything before it needs no more delivery
  WallTime at;        // when a past generation ended, when a stored position was stored
  std::string error;  // the last one

  // They add up to the size.
  Bytes size, skipped, acked, in_flight, filtered, dropped, unread;
  MissedBytes missed{};

  bool balanced() const {
    return skipped + acked + in_flight + filtered + dropped + unread + sum_of(missed) == size;
  }
  Bytes lag() const { return in_flight + unread; }
};

struct AuditReport {
  bool live = false;      // of a running agent; else from its store and the disk
  bool exact = true;      // every shard said how far it has read
  WallTime at;            // of the snapshot
  std::string state_dir;  // whose
  std::vector<AuditLine> lines{};
};

}  // namespace sluice

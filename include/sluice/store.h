// SPDX-License-Identifier: Apache-2.0
// store.h — the seam to the checkpoint store: what survives a crash about positions.
//
// In:      rows; a commit is all or nothing and durable when it returns.
// Out:     the rows of the last durable commit, at start. A damaged store is set aside and named in
//          `set_aside`; the agent always starts.
// Thread:  the steward's.
// Limits:  one commit per checkpoint interval, however many rows it holds.
// Fails:   ENOSPC, EIO: delivery goes on, the rows stay dirty and are tried again, a metric counts.
// Why so:  one row per file and destination: a destination that is down for a week neither holds
//          back the positions of the others nor makes them repeat that week after a restart.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sluice/ids.h"
#include "sluice/result.h"
#include "sluice/row_ledger.h"
#include "sluice/units.h"

namespace sluice {

struct CheckpointRow {
  int64_t row = 0;          // chosen by the steward, stable for the life of the row, never reused
  std::string destination;  // by name: indexes change with the configuration
  std::string path;  // where the file was last seen; for people and for the search, no identity
  FileIdentity identity;
  Epoch epoch;
  FileOffset offset;          // everything before it in this epoch is acked
  uint32_t marker_bytes = 0;  // the last bytes before `offset`, hashed as in Marker
  uint64_t marker_hash = 0;
  WallTime updated;
  bool gone = false;   // no name refers to it any more; forgotten after the grace time
  Digest128 ids{};     // the content of `epoch` is a copy: the file_seed of its original; else 0
  RowLedger ledger{};  // for people; nothing that is delivered depends on it
};

struct StoredState {
  std::vector<CheckpointRow> rows;
  std::string host_id;       // random, made once per state directory: part of every record id
  std::string set_aside;     // path of a damaged store that was moved away; empty if none was
  int64_t damaged_rows = 0;  // read from it, but not what was once written: not in `rows`
};

class Store {
 public:
  virtual ~Store() = default;

  virtual Result<StoredState> load() = 0;
  virtual Result<void> commit(std::span<const CheckpointRow> upserts,
                              std::span<const int64_t> erased_rows) = 0;
};

}  // namespace sluice

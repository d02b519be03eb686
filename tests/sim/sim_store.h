// SPDX-License-Identifier: Apache-2.0
// sim_store.h — what survives a crash about positions: the rows of the last commit that worked.
//
// In:      commits; whether the disk of the state directory is full.
// Out:     Store; each row is shown to the oracle at the moment when it becomes durable.
// Owns:    the rows, across all runs of the agent.
// Why so:  the real store's own durability is tested with its own faults; here it keeps its word.
#pragma once

#include <map>

#include "ledger.h"
#include "nth_failure.h"
#include "sluice/store.h"

namespace sluice::sim {

class SimStore final : public Store {
 public:
  SimStore(Witness& witness, Ledger& ledger) : witness_(witness), ledger_(ledger) {}

  Result<StoredState> load() override {
    StoredState state;
    for (const auto& [number, row] : rows_) state.rows.push_back(row);
    state.host_id = "simulated";
    return state;
  }
  Result<void> commit(std::span<const CheckpointRow> upserts,
                      std::span<const int64_t> erased) override {
    if (full || (nth != nullptr && nth->fails(Seam::kCommit))) {
      witness_.saw(Rare::kStoreFailed);
      return Error::from_errno("commit", ENOSPC);
    }
    ++commits_;
    for (const CheckpointRow& row : upserts) {
      witness_.see("store    row %ld: inode %ld epoch %ld offset %ld", row.row % 1'000'000,
                   static_cast<int64_t>(row.identity.inode), row.epoch.value, row.offset.value);
      rows_[row.row] = row;
      ledger_.committed(row);
    }
    for (const int64_t row : erased) {
      rows_.erase(row);
      ledger_.row_erased(row);
    }
    return {};
  }

  int64_t commits() const { return commits_; }
  const std::map<int64_t, CheckpointRow>& rows() const { return rows_; }
  // Somebody restored other files under the agent while it was away.
  void put_back(std::map<int64_t, CheckpointRow> rows) {
    for (const auto& [number, row] : rows_) ledger_.row_erased(number);
    rows_ = std::move(rows);
    for (const auto& [number, row] : rows_) ledger_.committed(row);
  }

  bool full = false;
  NthFailure* nth = nullptr;  // null after the troubled time

 private:
  Witness& witness_;
  Ledger& ledger_;
  std::map<int64_t, CheckpointRow> rows_;
  int64_t commits_ = 0;
};

}  // namespace sluice::sim

// SPDX-License-Identifier: Apache-2.0
// sim_store.h — what survives a crash about positions: rows in the cache of the kernel, rows on the
// disk, and what operators and bad sectors do to them.
//
// In:      commits; whether the disk of the state directory is full; the faults in force.
// Out:     Store; each row is shown to the oracle at the moment when it is promised.
// Owns:    the rows, across all runs of the agent, and an old copy of them.
// Limits:  a commit is whole or not at all, as a transaction of the real store is; the torn and
//          half-written forms of its files are tried on the real store by its own tests.
// Why so:  a store may forget what it had promised: an fsync that failed once and then lies, a copy
//          from yesterday, a damaged file of which some rows are saved. Then lines may be repeated;
//          none may be lost.
#pragma once

#include <map>

#include "dice.h"
#include "ledger.h"
#include "nth_failure.h"
#include "sluice/store.h"

namespace sluice::sim {

class SimStore final : public Store {
 public:
  using Rows = std::map<int64_t, CheckpointRow>;

  SimStore(const Plan& plan, Witness& witness, Ledger& ledger)
      : plan_(plan), witness_(witness), ledger_(ledger) {}

  Result<StoredState> load() override;
  Result<void> commit(std::span<const CheckpointRow> upserts,
                      std::span<const int64_t> erased) override;

  // Between two runs of the agent.
  void lose_power();
  void damage(Dice& dice);
  void restore_old_copy(Dice& dice);
  void put_back(Rows rows);
  // The disk works again, from here on.
  void end_faults();

  const Rows& rows() const { return rows_; }
  bool damaged() const { return damaged_; }

  bool full = false;
  NthFailure* nth = nullptr;  // null after the troubled time

 private:
  const Plan& plan_;
  Witness& witness_;
  Ledger& ledger_;
  Rows rows_;     // what a process reads
  Rows on_disk_;  // what a loss of power leaves
  Rows old_copy_;
  bool lies_ = false;  // an fsync failed, and the kernel calls its pages clean
  bool damaged_ = false;
  int64_t commits_ = 0;
};

}  // namespace sluice::sim

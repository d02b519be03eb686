// SPDX-License-Identifier: Apache-2.0
#include "sim_store.h"

#include <fmt/format.h>

#include <utility>

namespace sluice::sim {
namespace {

// How often somebody copies the store away.
constexpr int64_t kCopiedEvery = 7;

}  // namespace

Result<StoredState> SimStore::load() {
  StoredState state;
  for (const auto& [number, row] : rows_) state.rows.push_back(row);
  state.host_id = "simulated";
  if (damaged_) state.set_aside = "checkpoints.db.damaged";
  damaged_ = false;
  return state;
}

Result<void> SimStore::commit(std::span<const CheckpointRow> upserts,
                              std::span<const int64_t> erased) {
  if (full || (nth != nullptr && nth->fails(Seam::kCommit))) {
    witness_.saw(Rare::kStoreFailed);
    lies_ = lies_ || plan_.fsync_lies;
    return Error::from_errno("commit", plan_.fsync_lies ? EIO : ENOSPC);
  }
  for (const CheckpointRow& row : upserts) {
    witness_.see("store    row %ld: inode %ld epoch %ld offset %ld", row.row % 1'000'000,
                 static_cast<int64_t>(row.identity.inode), row.epoch.value, row.offset.value);
    witness_.tell([&] {
      return fmt::format("of {}, head {} B, marker {} B, seen {}{}", row.path,
                         row.identity.head_bytes, row.marker_bytes, row.ledger.seen.value,
                         row.gone ? ", gone" : "");
    });
    rows_[row.row] = row;
    ledger_.committed(row);
  }
  for (const int64_t row : erased) {
    rows_.erase(row);
    ledger_.row_erased(row);
  }
  if (!lies_) on_disk_ = rows_;
  if (++commits_ % kCopiedEvery == 1) old_copy_ = rows_;
  return {};
}

void SimStore::lose_power() {
  if (lies_) {
    witness_.saw(Rare::kFsyncLied);
    witness_.see("store    forgets what it had stored since an fsync failed");
    rows_ = on_disk_;
  }
  lies_ = false;
}

void SimStore::damage(Dice& dice) {
  witness_.saw(Rare::kStoreDamaged);
  witness_.see("store    is damaged; some of its %ld rows are saved",
               static_cast<int64_t>(rows_.size()));
  damaged_ = true;
  const int kept = dice.one_of({0, 500, 900});
  std::erase_if(rows_, [&](const auto&) { return !dice.chance(kept); });
  on_disk_ = rows_;
}

void SimStore::restore_old_copy(Dice& dice) {
  witness_.saw(Rare::kStoreRestored);
  witness_.see("operator puts an old copy of the store back");
  rows_ = dice.chance(200) ? Rows() : old_copy_;
  on_disk_ = rows_;
}

void SimStore::put_back(Rows rows) {
  for (const auto& [number, row] : rows_) ledger_.row_erased(number);
  rows_ = std::move(rows);
  on_disk_ = rows_;
  for (const auto& [number, row] : rows_) ledger_.committed(row);
}

void SimStore::end_faults() {
  full = false;
  lies_ = false;
}

}  // namespace sluice::sim

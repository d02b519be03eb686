// SPDX-License-Identifier: Apache-2.0
// checkpoint_rows.h — rows for the tests of the store, made from a number and an offset.
//
// In:      a row id and the offset that tells one commit from another.
// Out:     rows whose every field differs from the default, and a comparison of every field.
// Owns:    nothing.
// Thread:  pure.
// Limits:  tests only.
// Why so:  the oracle of the damage tests is "equal to a row that was once committed", so a row
//          must be computable from its id and its offset.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "platform/sqlite_store.h"
#include "sluice/store.h"

namespace sluice {

inline constexpr WallTime kTestNow(1'763'832'600'000'000'000);  // 2025-11-22T17:30:00Z

inline CheckpointRow row_of(int64_t id, int64_t offset) {
  CheckpointRow row;
  row.row = id;
  row.destination = "default";
  row.path = "/var/log/app/service-" + std::to_string(id) + ".log";
  row.identity = {.device = 0xfd00,
                  .inode = UINT64_MAX - static_cast<uint64_t>(id),
                  .birth_ns = kTestNow.value,
                  .head_bytes = 1024,
                  .head_hash = 0x8000000000000001ULL + static_cast<uint64_t>(id)};
  row.epoch = Epoch(UINT32_MAX);
  row.offset = FileOffset(offset);
  row.marker_bytes = 64;
  row.marker_hash = 0xdeadbeefcafef00dULL;
  row.updated = WallTime(offset - id);
  row.gone = id % 2 == 0;
  return row;
}

inline std::vector<CheckpointRow> rows_at(int64_t offset, int64_t count) {
  std::vector<CheckpointRow> rows;
  for (int64_t id = 1; id <= count; ++id) rows.push_back(row_of(id, offset));
  return rows;
}

inline bool same_row(const CheckpointRow& a, const CheckpointRow& b) {
  return a.row == b.row && a.destination == b.destination && a.path == b.path &&
         a.identity == b.identity && a.epoch == b.epoch && a.offset == b.offset &&
         a.marker_bytes == b.marker_bytes && a.marker_hash == b.marker_hash &&
         a.updated == b.updated && a.gone == b.gone;
}

// What a new agent finds. The store must always start here.
inline StoredState load_again(const std::string& directory) {
  SqliteStore store(directory, kTestNow);
  Result<StoredState> state = store.load();
  EXPECT_TRUE(state.ok()) << store.problem();
  return state.ok() ? std::move(state).value() : StoredState{};
}

}  // namespace sluice

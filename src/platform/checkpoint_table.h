// SPDX-License-Identifier: Apache-2.0
// checkpoint_table.h — how a checkpoint row lies in the database, byte by byte and checked.
//
// In:      CheckpointRow values; bytes that a disk, a crash or a person may have changed.
// Out:     the same rows; a row whose checksum does not fit is reported as bad, never as a row.
// Owns:    nothing.
// Thread:  pure, apart from the statement that is passed in.
// Limits:  format version 2; see CHECKPOINTS.md beside this file.
// Fails:   reading answers false for a bad row.
// Why so:  SQLite's own check proves that pages hang together, not that a number in them is the
//          one that was written. One flipped bit in an offset would skip lines without a trace.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "sluice/store.h"

namespace sluice {

inline constexpr int32_t kStoreVersion = 2;
// Version 2 added the table `ledger`; the rows of the checkpoints did not change.
inline constexpr int32_t kStoreVersionWithoutLedger = 1;
// "SL" and the version again: user_version is believed only if the two agree, so that a flipped
// bit in it is damage and not a message from the future.
inline constexpr int32_t kStoreApplicationId = 0x534C0000;

inline constexpr const char* kCheckpointSchema =
    "CREATE TABLE checkpoint(row INTEGER PRIMARY KEY, destination TEXT NOT NULL, "
    "path TEXT NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL, "
    "birth_ns INTEGER NOT NULL, head_bytes INTEGER NOT NULL, head_hash INTEGER NOT NULL, "
    "epoch INTEGER NOT NULL, byte_offset INTEGER NOT NULL, marker_bytes INTEGER NOT NULL, "
    "marker_hash INTEGER NOT NULL, updated_ns INTEGER NOT NULL, gone INTEGER NOT NULL, "
    "checksum INTEGER NOT NULL) STRICT";
inline constexpr const char* kMetaSchema =
    "CREATE TABLE meta(name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, "
    "checksum INTEGER NOT NULL) STRICT, WITHOUT ROWID";

inline constexpr const char* kUpsertCheckpoint =
    "INSERT OR REPLACE INTO checkpoint VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
inline constexpr const char* kEraseCheckpoint = "DELETE FROM checkpoint WHERE row=?";
// In both directions: a broken page in the middle hides only itself from a salvage.
inline constexpr const char* kSelectUp = "SELECT * FROM checkpoint ORDER BY row ASC";
inline constexpr const char* kSelectDown = "SELECT * FROM checkpoint ORDER BY row DESC";

// Over every field, in a fixed order, with lengths before texts.
int64_t checksum_of(const CheckpointRow& row);
// XXH3-64 with the seed of all tables, as the signed integer of the same bits.
int64_t checksum_of_bytes(std::string_view bytes);
int64_t checksum_of_meta(std::string_view name, std::string_view value);

// REQUIRES: `row` outlives the statement's next step; texts are bound without a copy.
int bind_row(sqlite3_stmt* upsert, const CheckpointRow& row);

// Reads the row that `select` stands on; false if its checksum does not fit.
bool read_row(sqlite3_stmt* select, CheckpointRow& row);

}  // namespace sluice

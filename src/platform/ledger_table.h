// SPDX-License-Identifier: Apache-2.0
// ledger_table.h — how a row's ledger lies in the database: one row of numbers and one short text.
//
// In:      RowLedger values; bytes that a disk, a crash or a person may have changed.
// Out:     the same values; a ledger whose checksum does not fit is left out.
// Owns:    nothing.
// Thread:  pure, apart from the statement that is passed in.
// Limits:  a text of at most RowLedger::kPastMax generations, some 100 bytes each.
// Fails:   reading answers false for a bad row.
// Why so:  a table of its own, because the ledger is for people: damage in it must neither cost an
//          offset nor set a store aside, and a store of version 1 becomes one of version 2 without
//          rewriting a single checkpoint. Past generations are read and written with their row and
//          never searched, so a text will do.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/row_ledger.h"

namespace sluice {

inline constexpr const char* kLedgerSchema =
    "CREATE TABLE ledger(row INTEGER PRIMARY KEY, begin_offset INTEGER NOT NULL, "
    "dropped_bytes INTEGER NOT NULL, seen_bytes INTEGER NOT NULL, past TEXT NOT NULL, "
    "checksum INTEGER NOT NULL) STRICT";
inline constexpr const char* kUpsertLedger = "INSERT OR REPLACE INTO ledger VALUES(?,?,?,?,?,?)";
inline constexpr const char* kEraseLedger = "DELETE FROM ledger WHERE row=?";
inline constexpr const char* kSelectLedgers = "SELECT * FROM ledger ORDER BY row ASC";

// Past generations as text: numbers joined by commas, each generation ended by a semicolon.
std::string past_as_text(const RowLedger& ledger);
// Nothing unless the text is exactly what past_as_text() writes.
bool past_from_text(std::string_view text, RowLedger& ledger);

// Binds and steps. REQUIRES: `row` is a row of the checkpoint table.
int write_ledger(sqlite3_stmt* upsert, int64_t row, const RowLedger& ledger);
// Reads the row that `select` stands on; nothing if its checksum or its text does not fit.
std::optional<RowLedger> read_ledger(sqlite3_stmt* select, int64_t& row);

}  // namespace sluice

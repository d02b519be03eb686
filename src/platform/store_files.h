// SPDX-License-Identifier: Apache-2.0
// store_files.h — the checkpoint database seen as a file that may hold anything.
//
// In:      paths; connections to files nobody vouches for.
// Out:     what the first bytes claim, the tables of a new database, what is left of a broken one.
// Owns:    nothing between calls.
// Thread:  the steward's.
// Limits:  a header is 100 bytes; a salvage reads the table from both ends up to the first break.
// Fails:   kNotFound, kCorrupt, or what the system says. Salvage never fails, it finds less.
// Why so:  deciding by the header first keeps SQLite away from a newer file: merely opening one
//          would let it replay and delete that file's log.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "sluice/store.h"

namespace sluice {

struct StoreHeader {
  int32_t version = 0;  // 0: not ours
};

Result<StoreHeader> read_store_header(const std::string& path);

// The same claims, and the tables, as SQLite sees them with the log applied.
struct StoreFormat {
  int sqlite_code = 0;
  int32_t version = 0;
  bool ours = false;    // exactly our tables and nothing else
  std::string host_id;  // empty if it is missing or its checksum does not fit
};

StoreFormat read_store_format(sqlite3* db);

// Answers SQLite's code.
int create_store_tables(sqlite3* db, const std::string& host_id);

// Makes a store of version 1 one of the present version, in one transaction. SQLite's code.
int add_ledger_table(sqlite3* db);

// Fills in the ledgers of the rows; a row whose ledger is missing or damaged keeps an empty one.
// REQUIRES: `rows` are sorted by number.
// Returns the rows that have a ledger in the database, good or not.
std::unordered_set<int64_t> read_ledgers(sqlite3* db, std::vector<CheckpointRow>& rows);

struct StoreSalvage {
  std::vector<CheckpointRow> rows;
  int64_t dropped_rows = 0;
  std::string host_id;
};

// Every row that can still be reached and whose checksum fits. Leaves the file as it is.
StoreSalvage salvage_store(const std::string& path);

// The host id that `path` holds a copy of, or 128 random bits in hex.
Result<std::string> known_or_new_host_id(const std::string& path);

// Makes `path` a durable copy of the id, if it is none yet.
Result<void> copy_host_id(const std::string& path, const std::string& host_id);

// `path`.damaged-20261122T173000Z, with a number behind it if that is taken.
std::string unused_damaged_name(const std::string& path, WallTime now);

bool file_exists(const std::string& path);
Result<void> sync_file(const std::string& path);

}  // namespace sluice

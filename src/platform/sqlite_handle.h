// SPDX-License-Identifier: Apache-2.0
// sqlite_handle.h — SQLite's two resources with owners, and its error codes in our words.
//
// In:      paths and SQL texts of ours; never SQL that was built from input.
// Out:     connections and statements that close themselves; Error values.
// Owns:    what it opens. A statement must end before its connection.
// Thread:  one thread per connection.
// Limits:  a connection waits up to 2 s for a lock of somebody else.
// Fails:   with SQLite's code, translated once here by error_of().
// Why so:  the settings that make a store durable and a damaged one harmless belong to opening it,
//          so that no connection of ours exists without them.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>

#include "sluice/result.h"

namespace sluice {

struct SqliteClose {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
struct SqliteFinalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using SqliteDatabase = std::unique_ptr<sqlite3, SqliteClose>;
using SqliteStatement = std::unique_ptr<sqlite3_stmt, SqliteFinalize>;

// Opens an existing file for this process alone; answers SQLite's code. `db` is set even on
// failure, so that error_of() can tell why.
int open_sqlite(const std::string& path, SqliteDatabase& db);

// Runs statements that answer no rows.
int run_sql(sqlite3* db, const char* sql);

// Prepares one statement; empty on failure.
SqliteStatement prepare_sql(sqlite3* db, const char* sql);

// A text column as it is stored, NUL bytes included.
std::string column_bytes(sqlite3_stmt* statement, int column);

// The last failure of this connection. REQUIRES: `where` is static storage.
Error error_of(sqlite3* db, const char* where);

// The content does not decode: setting the file aside helps, trying again does not.
bool means_damage(int sqlite_code);

}  // namespace sluice

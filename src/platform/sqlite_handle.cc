// SPDX-License-Identifier: Apache-2.0
#include "platform/sqlite_handle.h"

namespace sluice {

namespace {

constexpr int kLockWaitMs = 2000;

// synchronous=FULL: in WAL mode NORMAL would return from COMMIT before the log is synced, and a
// power cut would take back positions that the steward believes to be stored.
// locking_mode=EXCLUSIVE: the index of the log stays on our heap. The shared one is a mapping of a
// file, and a mapping turns a full or failing disk into SIGBUS.
// The rest bounds memory and disk, and keeps a damaged schema from running code.
constexpr const char* kSettings =
    "PRAGMA locking_mode=EXCLUSIVE;"
    "PRAGMA cell_size_check=ON;"
    "PRAGMA synchronous=FULL;"
    "PRAGMA trusted_schema=OFF;"
    "PRAGMA temp_store=MEMORY;"
    "PRAGMA cache_size=-1024;"
    "PRAGMA mmap_size=0;"
    "PRAGMA journal_size_limit=4194304;";

}  // namespace

int open_sqlite(const std::string& path, SqliteDatabase& db) {
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  db.reset(raw);
  if (code != SQLITE_OK) return code;
  sqlite3_busy_timeout(raw, kLockWaitMs);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  return run_sql(raw, kSettings);
}

int run_sql(sqlite3* db, const char* sql) {
  return sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
}

SqliteStatement prepare_sql(sqlite3* db, const char* sql) {
  sqlite3_stmt* raw = nullptr;
  sqlite3_prepare_v2(db, sql, -1, &raw, nullptr);
  return SqliteStatement(raw);
}

std::string column_bytes(sqlite3_stmt* statement, int column) {
  const void* bytes = sqlite3_column_blob(statement, column);
  const int size = sqlite3_column_bytes(statement, column);
  if (bytes == nullptr || size <= 0) return {};
  return std::string(static_cast<const char*>(bytes), static_cast<size_t>(size));
}

Error error_of(sqlite3* db, const char* where) {
  if (db == nullptr) return Error{Errc::kExhausted, ENOMEM, where};
  const int code = sqlite3_extended_errcode(db);
  const int err = sqlite3_system_errno(db);
  switch (code & 0xff) {
    case SQLITE_FULL:
      return Error{Errc::kExhausted, err == EDQUOT || err == EFBIG ? err : ENOSPC, where};
    case SQLITE_NOMEM:
      return Error{Errc::kExhausted, ENOMEM, where};
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return Error{Errc::kDenied, err != 0 ? err : EACCES, where};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error{Errc::kBusy, EBUSY, where};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Error{Errc::kCorrupt, 0, where};
    default:
      return Error::from_errno(where, err != 0 ? err : EIO);
  }
}

bool means_damage(int sqlite_code) {
  switch (sqlite_code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:  // "no such table", a schema of somebody else
    case SQLITE_FORMAT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    case SQLITE_EMPTY:
      return true;
    case SQLITE_IOERR:
      return sqlite_code == SQLITE_IOERR_READ || sqlite_code == SQLITE_IOERR_SHORT_READ ||
             sqlite_code == SQLITE_IOERR_CORRUPTFS || sqlite_code == SQLITE_IOERR_DATA;
    default:
      return false;
  }
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "platform/sqlite_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "platform/checkpoint_table.h"
#include "platform/ledger_table.h"
#include "platform/state_directory.h"
#include "platform/store_files.h"
#include "sluice/crash_point.h"

namespace sluice {

SqliteStore::SqliteStore(std::string directory, WallTime now)
    : directory_(std::move(directory)), path_(directory_ + "/checkpoints.db"), now_(now) {}

Result<StoredState> SqliteStore::load() {
  if (const auto made = make_state_directory(directory_, problem_); !made) return made.error();
  StoredState state;
  Verdict verdict = inspect_file();
  if (verdict == Verdict::kGood) verdict = open_and_verify(state.rows);
  switch (verdict) {
    case Verdict::kGood:
      break;
    case Verdict::kFailed:
      close();
      return explained(failure_);
    case Verdict::kNewer:
      close();
      problem_ = path_ +
                 " was written by a newer sluice; run that version, or choose another directory "
                 "with --state (all files are then read from their configured start)";
      return Error{Errc::kUnsupported, 0, "checkpoint store of a newer version"};
    case Verdict::kDamaged: {
      close();
      auto aside = set_aside();
      if (!aside) return explained(aside.error());
      state.set_aside = std::move(aside).value();
      salvage_from(state);
      [[fallthrough]];
    }
    case Verdict::kMissing:
      if (const auto made = create(state.rows); !made) return explained(made.error());
  }
  if (!db_) {
    if (const auto opened = open_for_commits(); !opened) return explained(opened.error());
  }
  // Without the copy the agent works as well; only the next damage would change the id.
  if (copy_host_id(directory_ + "/host_id", host_id_)) (void)sync_directory(directory_);
  state.host_id = host_id_;
  return state;
}

// Judges the file by its first bytes, before SQLite may touch it or its log.
SqliteStore::Verdict SqliteStore::inspect_file() {
  const Result<StoreHeader> header = read_store_header(path_);
  if (!header) {
    const Error& error = header.error();
    if (error.code == Errc::kNotFound) {
      // A log without its database would be replayed into the next database of that name.
      return file_exists(path_ + "-wal") ? Verdict::kDamaged : Verdict::kMissing;
    }
    if (error.code == Errc::kCorrupt || error.sys_errno == EIO) return Verdict::kDamaged;
    return failed_verdict("open", error.sys_errno);
  }
  if (header->version > kStoreVersion) return Verdict::kNewer;
  return header->version >= kStoreVersionWithoutLedger ? Verdict::kGood : Verdict::kDamaged;
}

SqliteStore::Verdict SqliteStore::open_and_verify(Rows& rows) {
  const int code = open_sqlite(path_, db_);
  // Until it is known to be good, closing it must not write to it.
  if (db_) sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  // SQLite opens what it may not write as read-only and says nothing.
  if (db_ && sqlite3_db_readonly(db_.get(), "main") == 1) {
    return failed_verdict("open for writing", ::access(path_.c_str(), W_OK) != 0 ? errno : EROFS);
  }
  if (code != SQLITE_OK) return verdict_of(code, "open");
  for (const auto& step : {&SqliteStore::verify_format, &SqliteStore::verify_pages}) {
    if (const Verdict verdict = (this->*step)(); verdict != Verdict::kGood) return verdict;
  }
  if (const Verdict verdict = read_rows(rows); verdict != Verdict::kGood) return verdict;
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  if (version_ == kStoreVersionWithoutLedger) {
    const int added = add_ledger_table(db_.get());
    if (added != SQLITE_OK) return verdict_of(added, "bring the checkpoint store up to date");
  }
  ledgers_ = read_ledgers(db_.get(), rows);
  return prepare_commits() ? Verdict::kGood
                           : verdict_of(sqlite3_errcode(db_.get()), "prepare commit");
}

bool SqliteStore::prepare_commits() {
  upsert_ = prepare_sql(db_.get(), kUpsertCheckpoint);
  erase_ = prepare_sql(db_.get(), kEraseCheckpoint);
  upsert_ledger_ = prepare_sql(db_.get(), kUpsertLedger);
  erase_ledger_ = prepare_sql(db_.get(), kEraseLedger);
  return upsert_ && erase_ && upsert_ledger_ && erase_ledger_;
}

// The version may live in the log only, so it is read again through SQLite.
SqliteStore::Verdict SqliteStore::verify_format() {
  const StoreFormat format = read_store_format(db_.get());
  if (format.sqlite_code != SQLITE_OK) return verdict_of(format.sqlite_code, "read format");
  if (format.version > kStoreVersion) return Verdict::kNewer;
  if (!format.ours) return Verdict::kDamaged;
  if (format.host_id.empty()) return Verdict::kDamaged;
  host_id_ = format.host_id;
  version_ = format.version;
  return Verdict::kGood;
}

SqliteStore::Verdict SqliteStore::verify_pages() {
  const SqliteStatement check = prepare_sql(db_.get(), "PRAGMA quick_check(1)");
  if (!check) return verdict_of(sqlite3_extended_errcode(db_.get()), "quick_check");
  const int code = sqlite3_step(check.get());
  if (code != SQLITE_ROW) return verdict_of(code, "quick_check");
  return column_bytes(check.get(), 0) == "ok" ? Verdict::kGood : Verdict::kDamaged;
}

SqliteStore::Verdict SqliteStore::read_rows(Rows& rows) {
  const SqliteStatement select = prepare_sql(db_.get(), kSelectUp);
  if (!select) return verdict_of(sqlite3_extended_errcode(db_.get()), "read rows");
  // Growing a vector of a million rows moves each of them twice.
  if (const SqliteStatement count = prepare_sql(db_.get(), "SELECT count(*) FROM checkpoint");
      count && sqlite3_step(count.get()) == SQLITE_ROW) {
    rows.reserve(static_cast<size_t>(sqlite3_column_int64(count.get(), 0)));
  }
  for (;;) {
    const int code = sqlite3_step(select.get());
    if (code == SQLITE_DONE) return Verdict::kGood;
    if (code != SQLITE_ROW) return verdict_of(code, "read rows");
    if (!read_row(select.get(), rows.emplace_back())) return Verdict::kDamaged;
  }
}

SqliteStore::Verdict SqliteStore::verdict_of(int sqlite_code, const char* where) {
  if (means_damage(sqlite_code)) return Verdict::kDamaged;
  failure_ = error_of(db_.get(), where);
  return Verdict::kFailed;
}

SqliteStore::Verdict SqliteStore::failed_verdict(const char* where, int err) {
  failure_ = Error::from_errno(where, err);
  return Verdict::kFailed;
}

// Moves the database and its log away under one new name, so that SQLite still takes them together.
Result<std::string> SqliteStore::set_aside() {
  const std::string aside = unused_damaged_name(path_, now_);
  for (const char* part : {"", "-wal", "-shm", "-journal"}) {
    if (::rename((path_ + part).c_str(), (aside + part).c_str()) == 0) continue;
    if (errno != ENOENT) return Error::from_errno("set aside the damaged checkpoint store");
  }
  if (const auto synced = sync_directory(directory_); !synced) return synced.error();
  return aside;
}

void SqliteStore::salvage_from(StoredState& state) {
  StoreSalvage found = salvage_store(state.set_aside);
  host_id_ = found.host_id;
  state.rows = std::move(found.rows);
  state.damaged_rows = found.dropped_rows;
}

// A new database appears under its name only when it is whole, so an empty or short file of that
// name is always damage and never an interrupted first start.
Result<void> SqliteStore::create(const Rows& rows) {
  if (host_id_.empty()) {
    Result<std::string> kept = known_or_new_host_id(directory_ + "/host_id");
    if (!kept) return kept.error();
    host_id_ = std::move(kept).value();
  }
  const std::string fresh = path_ + ".new";
  for (const char* part : {"", "-wal", "-shm", "-journal"}) ::unlink((fresh + part).c_str());
  const Result<void> filled = fill_new_file(fresh, rows);
  close();
  if (!filled) {
    ::unlink(fresh.c_str());
    return filled;
  }
  SLUICE_CRASHPOINT("store.create.before");
  if (::rename(fresh.c_str(), path_.c_str()) != 0) return Error::from_errno("rename");
  SLUICE_CRASHPOINT("store.create.after");
  return sync_directory(directory_);
}

Result<void> SqliteStore::fill_new_file(const std::string& path, const Rows& rows) {
  // SQLite gives the log the mode of the database; 0600 must not depend on the umask.
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return Error::from_errno("create checkpoints.db");
  ::close(fd);
  if (open_sqlite(path, db_) != SQLITE_OK) return error_of(db_.get(), "create checkpoints.db");
  if (create_store_tables(db_.get(), host_id_) != SQLITE_OK) {
    return error_of(db_.get(), "create checkpoints.db");
  }
  if (!prepare_commits()) return error_of(db_.get(), "create checkpoints.db");
  if (const auto written = write(rows, {}); !written) return written;
  // Only now the log: while the file is built, one file is all there is to rename.
  if (run_sql(db_.get(), "PRAGMA journal_mode=WAL") != SQLITE_OK) {
    return error_of(db_.get(), "switch checkpoints.db to WAL");
  }
  close();
  return sync_file(path);
}

Result<void> SqliteStore::commit(std::span<const CheckpointRow> upserts,
                                 std::span<const int64_t> erased_rows) {
  SLUICE_CHECK(!host_id_.empty(), "commit() needs a successful load()");
  if (upserts.empty() && erased_rows.empty()) return {};
  if (const auto ready = make_ready_to_write(); !ready) return explained(ready.error());
  const Result<void> written = write(upserts, erased_rows);
  if (written) {
    problem_.clear();
    return {};
  }
  const Error error = written.error();
  // After a failed write or fsync nobody knows what the page cache still holds. A new connection
  // reads the log again and starts from what is really there.
  if (error.code != Errc::kBusy) close();
  return explained(error);
}

Result<void> SqliteStore::make_ready_to_write() {
  if (!db_) return open_for_commits();
  int moved = 0;
  sqlite3_file_control(db_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return moved == 0 ? Result<void>() : move_to_new_file();
}

Result<void> SqliteStore::open_for_commits() {
  if (open_sqlite(path_, db_) == SQLITE_OK && prepare_commits()) return {};
  const Error error = error_of(db_.get(), "open checkpoints.db");
  close();
  return error;
}

// Somebody removed the database under us. The open descriptor still has every row.
Result<void> SqliteStore::move_to_new_file() {
  Rows rows;
  if (read_rows(rows) != Verdict::kGood && !rows.empty()) rows.pop_back();
  ledgers_ = read_ledgers(db_.get(), rows);
  close();
  if (const auto made = make_state_directory(directory_, problem_); !made) return made;
  // What lies under the name now, or the log of the lost file, is not ours to replay.
  if (file_exists(path_) || file_exists(path_ + "-wal")) {
    if (const auto aside = set_aside(); !aside) return aside.error();
  }
  if (const auto created = create(rows); !created) return created;
  return open_for_commits();
}

Result<void> SqliteStore::write(std::span<const CheckpointRow> upserts,
                                std::span<const int64_t> erased_rows) {
  SLUICE_CRASHPOINT("store.begin.before");
  int code = run_sql(db_.get(), "BEGIN IMMEDIATE");
  SLUICE_CRASHPOINT("store.begin.after");
  for (const CheckpointRow& row : upserts) {
    if (code != SQLITE_OK) break;
    SLUICE_CHECK(row.offset.value >= 0, "an offset lies in a file");
    code = bind_row(upsert_.get(), row);
    if (code == SQLITE_OK) sqlite3_step(upsert_.get());
    if (code == SQLITE_OK) code = sqlite3_reset(upsert_.get());
    if (code == SQLITE_OK) code = write_ledger_of(row);
  }
  for (const int64_t row : erased_rows) {
    if (code != SQLITE_OK) break;
    code = sqlite3_bind_int64(erase_.get(), 1, row);
    if (code == SQLITE_OK) sqlite3_step(erase_.get());
    if (code == SQLITE_OK) code = sqlite3_reset(erase_.get());
    if (code == SQLITE_OK) code = erase_ledger_of(row);
  }
  SLUICE_CRASHPOINT("store.commit.before");
  if (code == SQLITE_OK) code = run_sql(db_.get(), "COMMIT");
  SLUICE_CRASHPOINT("store.commit.after");
  if (code == SQLITE_OK) return {};
  const Error error = error_of(db_.get(), "write checkpoints.db");
  if (sqlite3_get_autocommit(db_.get()) == 0) run_sql(db_.get(), "ROLLBACK");
  return error;
}

// Almost every ledger is empty, and what is not written costs nothing.
int SqliteStore::write_ledger_of(const CheckpointRow& row) {
  if (row.ledger == RowLedger{}) return erase_ledger_of(row.row);
  ledgers_.insert(row.row);
  return write_ledger(upsert_ledger_.get(), row.row, row.ledger);
}

// What a failed commit left in the database stays listed: it is erased or written again.
int SqliteStore::erase_ledger_of(int64_t row) {
  if (!ledgers_.contains(row)) return SQLITE_OK;
  int code = sqlite3_bind_int64(erase_ledger_.get(), 1, row);
  if (code == SQLITE_OK) sqlite3_step(erase_ledger_.get());
  if (code == SQLITE_OK) code = sqlite3_reset(erase_ledger_.get());
  return code;
}

Error SqliteStore::explained(const Error& error) {
  if (error.code == Errc::kBusy) {
    problem_ = path_ + " is open in another program; close it there";
  } else {
    problem_ = state_problem(path_, error);
  }
  return error;
}

void SqliteStore::close() {
  upsert_ledger_.reset();
  erase_ledger_.reset();
  upsert_.reset();
  erase_.reset();
  db_.reset();
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "platform/store_files.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <map>
#include <tuple>
#include <utility>

#include "platform/checkpoint_table.h"
#include "platform/ledger_table.h"
#include "platform/sqlite_handle.h"

namespace sluice {

namespace {

// https://www.sqlite.org/fileformat2.html#the_database_header
constexpr size_t kHeaderBytes = 100;
constexpr std::string_view kMagic("SQLite format 3\0", 16);
constexpr size_t kWriteVersionAt = 18;  // 2: WAL. Anything higher would open read-only
constexpr size_t kReadVersionAt = 19;
constexpr size_t kReservedAt = 20;
constexpr size_t kEncodingAt = 56;  // 1: UTF-8. Another value would convert every text
constexpr size_t kUserVersionAt = 60;
constexpr size_t kApplicationIdAt = 68;

using Header = std::array<unsigned char, kHeaderBytes>;

uint32_t big_endian(const Header& header, size_t at) {
  return static_cast<uint32_t>(header[at]) << 24 | static_cast<uint32_t>(header[at + 1]) << 16 |
         static_cast<uint32_t>(header[at + 2]) << 8 | header[at + 3];
}

// 0 unless both fields name the same version.
int32_t believed_version(int64_t user_version, int64_t application_id) {
  if (user_version <= 0 || user_version > 0xffff) return 0;
  return application_id == kStoreApplicationId + user_version ? static_cast<int32_t>(user_version)
                                                              : 0;
}

// How much of the file's head could be read, or minus errno.
ssize_t read_head(const std::string& path, Header& header) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -errno;
  struct stat found {};
  ssize_t got = ::fstat(fd, &found) != 0 ? -errno : 0;
  // A directory or a pipe of that name: move it aside like any other wrong content.
  if (got == 0 && S_ISREG(found.st_mode)) {
    got = ::pread(fd, header.data(), header.size(), 0);
    if (got < 0) got = -errno;
  }
  ::close(fd);
  return got;
}

int64_t pragma_number(sqlite3* db, const char* sql, int& code) {
  const SqliteStatement read = prepare_sql(db, sql);
  code = read ? sqlite3_step(read.get()) : sqlite3_extended_errcode(db);
  if (code != SQLITE_ROW) return 0;
  code = SQLITE_OK;
  return sqlite3_column_int64(read.get(), 0);
}

// The schema must be ours to the letter: no trigger, no index, no renamed column.
bool has_our_tables(sqlite3* db, int32_t version, int& code) {
  const SqliteStatement read = prepare_sql(db, "SELECT sql FROM sqlite_schema ORDER BY name");
  code = sqlite3_extended_errcode(db);
  if (!read) return false;
  bool same = true;
  for (const char* expected : {kCheckpointSchema, kLedgerSchema, kMetaSchema}) {
    if (expected == kLedgerSchema && version == kStoreVersionWithoutLedger) continue;
    code = sqlite3_step(read.get());
    same = same && code == SQLITE_ROW && column_bytes(read.get(), 0) == expected;
  }
  if (code == SQLITE_ROW) code = sqlite3_step(read.get());
  const bool ended = code == SQLITE_DONE;
  if (code == SQLITE_DONE || code == SQLITE_ROW) code = SQLITE_OK;
  return same && ended;
}

std::string read_host_id(sqlite3* db) {
  const SqliteStatement read =
      prepare_sql(db, "SELECT value, checksum FROM meta WHERE name='host_id'");
  if (!read || sqlite3_step(read.get()) != SQLITE_ROW) return {};
  std::string value = column_bytes(read.get(), 0);
  const bool whole = sqlite3_column_int64(read.get(), 1) == checksum_of_meta("host_id", value);
  return whole ? value : std::string();
}

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr size_t kHostIdDigits = 32;

Result<std::string> random_host_id() {
  std::array<unsigned char, kHostIdDigits / 2> bits{};
  size_t filled = 0;
  while (filled < bits.size()) {
    const ssize_t got = ::getrandom(bits.data() + filled, bits.size() - filled, 0);
    if (got < 0 && errno != EINTR) return Error::from_errno("getrandom");
    if (got > 0) filled += static_cast<size_t>(got);
  }
  std::string text;
  for (const unsigned char byte : bits) {
    text += kHexDigits[byte >> 4];
    text += kHexDigits[byte & 15];
  }
  return text;
}

// Empty unless the file holds an id and nothing else.
std::string read_host_id_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return {};
  std::array<char, kHostIdDigits + 2> bytes{};
  const ssize_t got = ::read(fd, bytes.data(), bytes.size());
  ::close(fd);
  if (got != static_cast<ssize_t>(kHostIdDigits) + 1 || bytes[kHostIdDigits] != '\n') return {};
  std::string text(bytes.data(), kHostIdDigits);
  return text.find_first_not_of(kHexDigits) == std::string::npos ? text : std::string();
}

// Under a name of its own first: a half-written id is never found under `path`.
Result<void> write_host_id_file(const std::string& path, const std::string& host_id) {
  const std::string fresh = path + ".new";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return Error::from_errno("create host_id");
  const std::string line = host_id + "\n";
  errno = ENOSPC;  // what a short write means
  const bool written = ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  const bool durable = written && ::fsync(fd) == 0;
  const int err = errno;
  ::close(fd);
  if (!durable) {
    ::unlink(fresh.c_str());
    return Error::from_errno("write host_id", err);
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return Error::from_errno("rename host_id");
  return {};
}

// A broken tree can lead to one row twice, once as it was long ago. The older position is the safe
// one: it repeats lines, the newer one might belong to another life of the file.
void keep_older(std::map<int64_t, CheckpointRow>& rows, CheckpointRow&& row) {
  const auto [at, added] = rows.try_emplace(row.row, std::move(row));
  if (added) return;
  CheckpointRow& known = at->second;
  if (std::tuple(row.epoch, row.offset) < std::tuple(known.epoch, known.offset)) {
    known = std::move(row);
  }
}

void collect(sqlite3* db, const char* select_sql, std::map<int64_t, CheckpointRow>& rows,
             std::map<int64_t, bool>& bad) {
  const SqliteStatement select = prepare_sql(db, select_sql);
  if (!select) return;
  while (sqlite3_step(select.get()) == SQLITE_ROW) {
    CheckpointRow row;
    if (read_row(select.get(), row)) {
      keep_older(rows, std::move(row));
    } else {
      bad[sqlite3_column_int64(select.get(), 0)] = true;
    }
  }
}

std::string version_sql() {
  return "PRAGMA application_id=" + std::to_string(kStoreApplicationId + kStoreVersion) +
         ";PRAGMA user_version=" + std::to_string(kStoreVersion) + ";";
}

}  // namespace

Result<StoreHeader> read_store_header(const std::string& path) {
  Header header{};
  const ssize_t got = read_head(path, header);
  if (got < 0) return Error::from_errno("open", static_cast<int>(-got));
  if (static_cast<size_t>(got) < kHeaderBytes ||
      std::memcmp(header.data(), kMagic.data(), kMagic.size()) != 0) {
    return Error{Errc::kCorrupt, 0, "checkpoint store header"};
  }
  const int32_t version =
      believed_version(big_endian(header, kUserVersionAt), big_endian(header, kApplicationIdAt));
  if (version > kStoreVersion) return StoreHeader{version};
  const bool as_we_write_it = header[kWriteVersionAt] == 2 && header[kReadVersionAt] == 2 &&
                              header[kReservedAt] == 0 && big_endian(header, kEncodingAt) == 1;
  return StoreHeader{as_we_write_it ? version : 0};
}

StoreFormat read_store_format(sqlite3* db) {
  StoreFormat format;
  const int64_t user_version = pragma_number(db, "PRAGMA user_version", format.sqlite_code);
  if (format.sqlite_code != SQLITE_OK) return format;
  const int64_t application_id = pragma_number(db, "PRAGMA application_id", format.sqlite_code);
  if (format.sqlite_code != SQLITE_OK) return format;
  format.version = believed_version(user_version, application_id);
  if (format.version < kStoreVersionWithoutLedger || format.version > kStoreVersion) return format;
  format.ours = has_our_tables(db, format.version, format.sqlite_code);
  if (format.ours) format.host_id = read_host_id(db);
  return format;
}

int create_store_tables(sqlite3* db, const std::string& host_id) {
  const std::string version = version_sql();
  for (const char* sql : {version.c_str(), kCheckpointSchema, kLedgerSchema, kMetaSchema}) {
    if (const int code = run_sql(db, sql); code != SQLITE_OK) return code;
  }
  const SqliteStatement insert = prepare_sql(db, "INSERT INTO meta VALUES('host_id',?,?)");
  if (!insert) return sqlite3_extended_errcode(db);
  sqlite3_bind_text(insert.get(), 1, host_id.data(), static_cast<int>(host_id.size()),
                    SQLITE_STATIC);
  sqlite3_bind_int64(insert.get(), 2, checksum_of_meta("host_id", host_id));
  const int code = sqlite3_step(insert.get());
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

int add_ledger_table(sqlite3* db) {
  const std::string sql =
      std::string("BEGIN IMMEDIATE;") + kLedgerSchema + ";" + version_sql() + "COMMIT";
  const int code = run_sql(db, sql.c_str());
  if (sqlite3_get_autocommit(db) == 0) run_sql(db, "ROLLBACK");
  return code;
}

std::unordered_set<int64_t> read_ledgers(sqlite3* db, std::vector<CheckpointRow>& rows) {
  std::unordered_set<int64_t> present;
  const SqliteStatement select = prepare_sql(db, kSelectLedgers);
  if (!select) return present;
  // Both come in the order of their numbers.
  auto row = rows.begin();
  while (sqlite3_step(select.get()) == SQLITE_ROW) {
    int64_t number = 0;
    std::optional<RowLedger> ledger = read_ledger(select.get(), number);
    present.insert(number);
    while (row != rows.end() && row->row < number) ++row;
    if (row != rows.end() && row->row == number && ledger) row->ledger = std::move(*ledger);
  }
  return present;
}

StoreSalvage salvage_store(const std::string& path) {
  StoreSalvage salvage;
  SqliteDatabase db;
  const int code = open_sqlite(path, db);
  if (!db) return salvage;
  sqlite3_db_config(db.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (code != SQLITE_OK) return salvage;
  salvage.host_id = read_host_id(db.get());
  std::map<int64_t, CheckpointRow> rows;
  std::map<int64_t, bool> bad;
  collect(db.get(), kSelectUp, rows, bad);
  collect(db.get(), kSelectDown, rows, bad);
  salvage.dropped_rows = static_cast<int64_t>(bad.size());
  for (auto& [id, row] : rows) salvage.rows.push_back(std::move(row));
  read_ledgers(db.get(), salvage.rows);
  return salvage;
}

Result<std::string> known_or_new_host_id(const std::string& path) {
  std::string known = read_host_id_file(path);
  if (!known.empty()) return known;
  return random_host_id();
}

Result<void> copy_host_id(const std::string& path, const std::string& host_id) {
  if (read_host_id_file(path) == host_id) return {};
  return write_host_id_file(path, host_id);
}

std::string unused_damaged_name(const std::string& path, WallTime now) {
  const std::time_t seconds = now.value / 1'000'000'000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 32> stamp{};
  std::strftime(stamp.data(), stamp.size(), "%Y%m%dT%H%M%SZ", &utc);
  const std::string base = path + ".damaged-" + stamp.data();
  std::string name = base;
  for (int n = 2; file_exists(name) || file_exists(name + "-wal"); ++n) {
    name = base + "." + std::to_string(n);
  }
  return name;
}

bool file_exists(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

Result<void> sync_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Error::from_errno("open");
  const bool synced = ::fsync(fd) == 0;
  const int err = errno;
  ::close(fd);
  return synced ? Result<void>() : Result<void>(Error::from_errno("fsync", err));
}

}  // namespace sluice

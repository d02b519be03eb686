// SPDX-License-Identifier: Apache-2.0
// sqlite_store.h — the checkpoint store on a real disk: one SQLite database in the state directory.
//
// In:      rows from the steward; at start, whatever a crash, a full disk or a person left behind.
// Out:     the rows of the last durable commit. Files: checkpoints.db, its -wal, host_id (0600).
// Owns:    the connection. REQUIRES: the directory's InstanceLock is held by this process.
// Thread:  the steward's, from load() on.
// Limits:  a commit of 1,000 rows takes some 5 ms plus one fsync; CHECKPOINTS.md has the format.
// Fails:   a database of a newer sluice is refused and left untouched. A damaged one is renamed to
//          checkpoints.db.damaged-<time>, its readable rows are carried over, and the agent starts.
//          Full or read-only disks are Errors; problem() has the sentence for the user.
// Why so:  WAL with synchronous=FULL is one sequential write and one fsync per commit; rename and
//          fsync of a whole file would rewrite every row once per second.
#pragma once

#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "platform/sqlite_handle.h"
#include "sluice/store.h"

namespace sluice {

class SqliteStore final : public Store {
 public:
  // `now` names a damaged store that has to be set aside.
  SqliteStore(std::string directory, WallTime now);

  Result<StoredState> load() override;
  // REQUIRES: load() succeeded.
  Result<void> commit(std::span<const CheckpointRow> upserts,
                      std::span<const int64_t> erased_rows) override;

  // What the last Error means for the user, with the remedy; empty once a commit succeeded again.
  const std::string& problem() const { return problem_; }

 private:
  using Rows = std::vector<CheckpointRow>;
  enum class Verdict : uint8_t { kMissing, kGood, kDamaged, kNewer, kFailed };

  // Constant after construction.
  const std::string directory_;
  const std::string path_;
  const WallTime now_;

  // The steward only. Statements are declared after the connection: they must end before it.
  SqliteDatabase db_;
  SqliteStatement upsert_;
  SqliteStatement erase_;
  SqliteStatement upsert_ledger_;
  SqliteStatement erase_ledger_;
  std::string host_id_;
  std::unordered_set<int64_t> ledgers_;  // rows that have one in the database
  int32_t version_ = 0;                  // of the store that was opened
  Error failure_;                        // set with Verdict::kFailed
  std::string problem_;

  Verdict inspect_file();
  Verdict open_and_verify(Rows& rows);
  Verdict verify_format();
  Verdict verify_pages();
  Verdict read_rows(Rows& rows);
  bool prepare_commits();
  int write_ledger_of(const CheckpointRow& row);
  int erase_ledger_of(int64_t row);
  Verdict verdict_of(int sqlite_code, const char* where);
  Verdict failed_verdict(const char* where, int err);

  Result<std::string> set_aside();
  void salvage_from(StoredState& state);
  Result<void> create(const Rows& rows);
  Result<void> fill_new_file(const std::string& path, const Rows& rows);

  Result<void> make_ready_to_write();
  Result<void> open_for_commits();
  Result<void> move_to_new_file();
  Result<void> write(std::span<const CheckpointRow> upserts, std::span<const int64_t> erased_rows);
  Error explained(const Error& error);
  void close();
};

}  // namespace sluice

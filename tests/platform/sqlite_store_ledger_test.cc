// SPDX-License-Identifier: Apache-2.0
// sqlite_store_ledger_test.cc — the ledgers beside the rows, and stores of the version without
// them.
#include <gtest/gtest.h>

#include "checkpoint_rows.h"
#include "platform/checkpoint_table.h"
#include "platform/ledger_table.h"
#include "platform/sqlite_store.h"
#include "scratch_directory.h"

namespace sluice {
namespace {

PastGeneration past_of(uint32_t epoch) {
  PastGeneration past;
  past.epoch = Epoch(epoch);
  past.generations = 1 + epoch;
  past.size = Bytes(1'000 + epoch);
  past.skipped = Bytes(10);
  past.acked = Bytes(700);
  past.dropped = Bytes(20);
  past.missed[0] = Bytes(30);
  past.missed[kMissedReasons - 1] = Bytes(epoch);
  past.ended = WallTime(1'700'000'000'000'000'000 + epoch);
  return past;
}

CheckpointRow row_with_ledger(int64_t number, size_t generations) {
  CheckpointRow row = row_of(number, 5);
  row.ledger.begin = FileOffset(11);
  row.ledger.dropped = Bytes(number);
  row.ledger.seen = Bytes(1 << 20);
  for (uint32_t i = 0; i < generations; ++i) row.ledger.past.push_back(past_of(i));
  return row;
}

void run(const std::string& directory, const std::string& sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((directory + "/checkpoints.db").c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(db);
  sqlite3_close(db);
}

// What version 1 left on disk: the same tables without the ledger.
void make_version_one(const std::string& directory) {
  run(directory,
      "BEGIN; DROP TABLE ledger; PRAGMA application_id=1397489665; PRAGMA user_version=1; COMMIT");
}

TEST(StoredLedger, ComesBackWithItsRow) {
  const ScratchDirectory scratch;
  {
    SqliteStore store(scratch.path(), kTestNow);
    ASSERT_TRUE(store.load().ok());
    const std::vector rows{row_with_ledger(1, 0), row_with_ledger(2, 3),
                           row_with_ledger(5, RowLedger::kPastMax)};
    ASSERT_TRUE(store.commit(rows, {}).ok()) << store.problem();
    ASSERT_TRUE(store.commit(std::vector{row_with_ledger(2, 4)}, std::vector<int64_t>{1}).ok());
  }
  const StoredState state = load_again(scratch.path());
  ASSERT_EQ(state.rows.size(), 2U);
  EXPECT_EQ(state.rows[0].ledger, row_with_ledger(2, 4).ledger);
  EXPECT_EQ(state.rows[1].ledger, row_with_ledger(5, RowLedger::kPastMax).ledger);
}

TEST(StoredLedger, IsAddedToAStoreOfVersionOneWithoutTouchingItsRows) {
  const ScratchDirectory scratch;
  std::string host_id;
  {
    SqliteStore store(scratch.path(), kTestNow);
    host_id = store.load().value().host_id;
    ASSERT_TRUE(store.commit(rows_at(7, 100), {}).ok());
  }
  make_version_one(scratch.path());
  {
    SqliteStore store(scratch.path(), kTestNow);
    const Result<StoredState> state = store.load();
    ASSERT_TRUE(state.ok()) << store.problem();
    EXPECT_TRUE(state->set_aside.empty());
    EXPECT_EQ(state->host_id, host_id);
    ASSERT_EQ(state->rows.size(), 100U);
    for (const CheckpointRow& row : state->rows) {
      EXPECT_TRUE(same_row(row, row_of(row.row, 7)));
      EXPECT_EQ(row.ledger, RowLedger{});
    }
    ASSERT_TRUE(store.commit(std::vector{row_with_ledger(3, 2)}, {}).ok());
  }
  const StoredState again = load_again(scratch.path());
  EXPECT_TRUE(again.set_aside.empty());
  ASSERT_EQ(again.rows.size(), 100U);
  EXPECT_EQ(again.rows[2].ledger, row_with_ledger(3, 2).ledger);
}

TEST(StoredLedger, IsLeftOutWhenDamagedAndCostsNoOffset) {
  const ScratchDirectory scratch;
  {
    SqliteStore store(scratch.path(), kTestNow);
    ASSERT_TRUE(store.load().ok());
    ASSERT_TRUE(store.commit(std::vector{row_with_ledger(1, 2), row_with_ledger(2, 2)}, {}).ok());
  }
  run(scratch.path(), "UPDATE ledger SET dropped_bytes=dropped_bytes+1 WHERE row=1");
  const StoredState state = load_again(scratch.path());
  EXPECT_TRUE(state.set_aside.empty());
  ASSERT_EQ(state.rows.size(), 2U);
  EXPECT_TRUE(same_row(state.rows[0], row_of(1, 5)));
  EXPECT_EQ(state.rows[0].ledger, RowLedger{});
  EXPECT_EQ(state.rows[1].ledger, row_with_ledger(2, 2).ledger);
}

TEST(StoredLedger, ReadsOnlyTheTextThatItWrites) {
  RowLedger ledger = row_with_ledger(1, 2).ledger, read;
  const std::string text = past_as_text(ledger);
  ASSERT_TRUE(past_from_text(text, read));
  EXPECT_EQ(read.past, ledger.past);
  for (size_t cut = 1; cut < text.size(); ++cut) {
    const bool whole_generations = text[cut - 1] == ';';
    EXPECT_EQ(past_from_text(text.substr(0, cut), read), whole_generations) << cut;
  }
  for (const char* bad : {"x", ";", "1,2;", "1,,3;", "99999999999999999999,1,1,1,1,1,1,1,1,1,1;"}) {
    EXPECT_FALSE(past_from_text(bad, read)) << bad;
  }
}

}  // namespace
}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// sqlite_store_test.cc — the store on a healthy disk: what is committed is what comes back.
#include "platform/sqlite_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <random>

#include "checkpoint_rows.h"
#include "platform/checkpoint_table.h"
#include "scratch_directory.h"

namespace sluice {
namespace {

void expect_same(const CheckpointRow& got, const CheckpointRow& want) {
  EXPECT_TRUE(same_row(got, want)) << "row " << got.row << " at " << got.offset.value;
}

mode_t mode_of(const std::string& path) {
  struct stat found {};
  EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
  return found.st_mode & 07777;
}

TEST(SqliteStore, StartsEmptyWithAHostIdThatStays) {
  const ScratchDirectory scratch;
  const std::string directory = scratch.path("made/with/parents");
  const StoredState first = load_again(directory);
  EXPECT_TRUE(first.rows.empty());
  EXPECT_TRUE(first.set_aside.empty());
  EXPECT_EQ(first.host_id.size(), 32U);
  EXPECT_EQ(first.host_id.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(load_again(directory).host_id, first.host_id);
  const ScratchDirectory other;
  EXPECT_NE(load_again(other.path()).host_id, first.host_id);
}

TEST(SqliteStore, IsReadableForItsUserOnly) {
  const ScratchDirectory scratch;
  const std::string directory = scratch.path("state");
  const mode_t before = ::umask(0);
  SqliteStore store(directory, kTestNow);
  ASSERT_TRUE(store.load().ok());
  ASSERT_TRUE(store.commit(rows_at(1, 3), {}).ok());
  ::umask(before);
  EXPECT_EQ(mode_of(directory), 0700U);
  EXPECT_EQ(mode_of(directory + "/checkpoints.db"), 0600U);
  EXPECT_EQ(mode_of(directory + "/checkpoints.db-wal"), 0600U);
  EXPECT_EQ(mode_of(directory + "/host_id"), 0600U);
}

TEST(SqliteStore, GivesBackEveryFieldAsItWasCommitted) {
  const ScratchDirectory scratch;
  std::vector<CheckpointRow> rows = rows_at(INT64_MAX, 5);
  rows[1].path = std::string("/var/log/\xff\xfe nul \0 inside\n.log", 27);
  rows[2].path.clear();
  rows[3].identity = FileIdentity{};
  rows[4].row = INT64_MAX;
  {
    SqliteStore store(scratch.path(), kTestNow);
    ASSERT_TRUE(store.load().ok());
    ASSERT_TRUE(store.commit(rows, {}).ok()) << store.problem();
  }
  const StoredState state = load_again(scratch.path());
  EXPECT_TRUE(state.set_aside.empty());
  ASSERT_EQ(state.rows.size(), rows.size());
  for (size_t i = 0; i < rows.size(); ++i) expect_same(state.rows[i], rows[i]);
}

TEST(SqliteStore, ReplacesAndErasesRowsInOneCommit) {
  const ScratchDirectory scratch;
  {
    SqliteStore store(scratch.path(), kTestNow);
    ASSERT_TRUE(store.load().ok());
    ASSERT_TRUE(store.commit(rows_at(10, 4), {}).ok());
    const std::vector<int64_t> erased = {1, 3, 99};
    ASSERT_TRUE(store.commit(std::vector{row_of(2, 20)}, erased).ok());
    ASSERT_TRUE(store.commit({}, {}).ok());
  }
  const StoredState state = load_again(scratch.path());
  ASSERT_EQ(state.rows.size(), 2U);
  expect_same(state.rows[0], row_of(2, 20));
  expect_same(state.rows[1], row_of(4, 10));
}

// Commits k = 1, 2, … for ever, each with the offset k in every row, and reports every k.
[[noreturn]] void commit_for_ever(const std::string& directory, int report) {
  SqliteStore store(directory, kTestNow);
  const Result<StoredState> state = store.load();
  if (!state.ok()) ::_exit(1);
  int64_t k = state.value().rows.empty() ? 0 : state.value().rows.front().offset.value;
  for (;;) {
    ++k;
    if (!store.commit(rows_at(k, 200), {}).ok()) ::_exit(2);
    if (::write(report, &k, sizeof k) != sizeof k) ::_exit(3);
  }
}

// Lets the child report `commits` times, then waits a moment of random length and kills it.
int64_t run_and_kill(const std::string& directory, int commits, std::mt19937& random) {
  int report[2];
  EXPECT_EQ(::pipe(report), 0);
  const pid_t child = ::fork();
  if (child == 0) commit_for_ever(directory, report[1]);
  ::close(report[1]);
  int64_t last = 0;
  for (int i = 0; i < commits; ++i) {
    EXPECT_EQ(::read(report[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
  }
  ::usleep(static_cast<useconds_t>(
      random() % 3000));  // where in a commit the signal lands, not synchronisation
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  int64_t more = 0;
  while (::read(report[0], &more, sizeof more) == sizeof more) last = more;
  ::close(report[0]);
  return last;
}

TEST(SqliteStore, KilledInTheMiddleOfCommitsKeepsTheLastOneWhole) {
  const ScratchDirectory scratch;
  std::mt19937 random(4711);
  int64_t before = 0;
  for (int round = 0; round < 15; ++round) {
    const int64_t reported = run_and_kill(scratch.path(), 1 + round % 4, random);
    const StoredState state = load_again(scratch.path());
    ASSERT_TRUE(state.set_aside.empty());
    ASSERT_EQ(state.rows.size(), 200U);
    const int64_t stored = state.rows.front().offset.value;
    EXPECT_GE(stored, reported);
    EXPECT_LE(stored, reported + 1);
    EXPECT_GT(stored, before);
    for (const CheckpointRow& row : state.rows) expect_same(row, row_of(row.row, stored));
    before = stored;
  }
}

TEST(SqliteStore, GoesOnWhenItsFilesAreRemovedUnderIt) {
  const ScratchDirectory scratch;
  const std::string directory = scratch.path("state");
  SqliteStore store(directory, kTestNow);
  const Result<StoredState> first = store.load();
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(store.commit(rows_at(5, 100), {}).ok());
  std::filesystem::remove_all(directory);
  ASSERT_TRUE(store.commit(std::vector{row_of(7, 6)}, {}).ok()) << store.problem();
  ASSERT_TRUE(store.commit(std::vector{row_of(8, 6)}, {}).ok()) << store.problem();

  const std::string copy = scratch.path("copy");
  std::filesystem::copy(directory, copy);
  const StoredState state = load_again(copy);
  EXPECT_EQ(state.host_id, first.value().host_id);
  ASSERT_EQ(state.rows.size(), 100U);
  expect_same(state.rows[6], row_of(7, 6));
  expect_same(state.rows[7], row_of(8, 6));
  expect_same(state.rows[99], row_of(100, 5));
}

// The numbers of CHECKPOINTS.md, format version 1: if they change, older stores become damage.
TEST(SqliteStore, ComputesTheChecksumsOfFormatVersionOne) {
  EXPECT_EQ(checksum_of_meta("host_id", "000102030405060708090a0b0c0d0e0f"), -7269825647423318063);
  EXPECT_EQ(checksum_of(row_of(1, 1000)), 4764236126643310052);
}

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

TEST(SqliteStore, PrintsWhatACommitOfAThousandRowsCosts) {
  const ScratchDirectory scratch;
  SqliteStore store(scratch.path(), kTestNow);
  ASSERT_TRUE(store.load().ok());
  double worst = 0;
  const auto start = std::chrono::steady_clock::now();
  for (int64_t k = 1; k <= 20; ++k) {
    const auto one = std::chrono::steady_clock::now();
    ASSERT_TRUE(store.commit(rows_at(k, 1000), {}).ok());
    worst = std::max(worst, ms_since(one));
  }
  std::printf("commit of 1,000 rows: %.2f ms on average, %.2f ms at worst\n", ms_since(start) / 20,
              worst);
}

TEST(SqliteStore, LoadsAHundredThousandRowsAndPrintsTheTime) {
  const ScratchDirectory scratch;
  {
    SqliteStore store(scratch.path(), kTestNow);
    ASSERT_TRUE(store.load().ok());
    ASSERT_TRUE(store.commit(rows_at(1, 100'000), {}).ok());
  }
  const auto start = std::chrono::steady_clock::now();
  const StoredState state = load_again(scratch.path());
  std::printf("load of 100,000 rows: %.1f ms\n", ms_since(start));
  EXPECT_EQ(state.rows.size(), 100'000U);
}

}  // namespace
}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// sqlite_store_trouble_test.cc — a store that is fine on a disk that is not, and a store from the
// future: an Error, words with a remedy, and nothing touched.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "checkpoint_rows.h"
#include "platform/sqlite_store.h"
#include "scratch_directory.h"
#include "whole_file.h"

namespace sluice {
namespace {

constexpr int kNotAllowed = 99;  // this machine does not let us mount

// Runs `body` in a process whose mounts nobody else sees; answers its exit code.
int in_own_mounts(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool own = ::unshare(CLONE_NEWNS) == 0 &&
                     ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    const int code = own ? body() : kNotAllowed;
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool mentions(const SqliteStore& store, const std::string& words) {
  const bool found = store.problem().find(words) != std::string::npos;
  if (!found) std::printf("problem: %s\n", store.problem().c_str());
  return found;
}

TEST(StoreInTrouble, NamesAFileThatIsInTheWayOfItsDirectory) {
  const ScratchDirectory scratch;
  write_whole(scratch.path("plain"), "text");
  for (const char* name : {"plain", "plain/state"}) {
    SqliteStore store(scratch.path(name), kTestNow);
    const Result<StoredState> state = store.load();
    ASSERT_FALSE(state.ok());
    EXPECT_TRUE(mentions(store, scratch.path(name)));
    EXPECT_TRUE(mentions(store, "--state"));
  }
}

// With and without a store in it; 0 if every word and verdict is right.
int load_read_only(const std::string& directory) {
  if (::mount(directory.c_str(), directory.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    return kNotAllowed;
  }
  if (::mount("none", directory.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
    return kNotAllowed;
  }
  SqliteStore store(directory, kTestNow);
  const Result<StoredState> state = store.load();
  if (state.ok()) return 1;
  if (state.error().sys_errno != EROFS) return 2;
  return mentions(store, directory) && mentions(store, "--state") ? 0 : 3;
}

TEST(StoreInTrouble, NamesTheRemedyForAReadOnlyDirectory) {
  const ScratchDirectory scratch;
  std::filesystem::create_directory(scratch.path("empty"));
  { SqliteStore(scratch.path("used"), kTestNow).load().value(); }
  const std::string before = read_whole(scratch.path("used/checkpoints.db"));
  for (const char* name : {"empty", "used"}) {
    SCOPED_TRACE(name);
    const int code = in_own_mounts([&] { return load_read_only(scratch.path(name)); });
    if (code == kNotAllowed) GTEST_SKIP() << "mounting is not allowed here";
    EXPECT_EQ(code, 0);
  }
  EXPECT_EQ(read_whole(scratch.path("used/checkpoints.db")), before);
}

// Fills a small disk, sees the commit fail, makes room, and sees it go on.
int commit_on_a_full_disk(const std::string& directory) {
  if (::mount("sluice-test", directory.c_str(), "tmpfs", 0, "size=512k") != 0) return kNotAllowed;
  SqliteStore store(directory, kTestNow);
  if (!store.load().ok()) return 1;
  if (!store.commit(rows_at(1, 100), {}).ok()) return 2;
  const std::string ballast = directory + "/ballast";
  write_whole(ballast, std::string(1 << 20, 'x'));
  const Result<void> full = store.commit(rows_at(2, 1000), {});
  if (full.ok()) return 3;
  if (full.error().code != Errc::kExhausted || full.error().sys_errno != ENOSPC) return 4;
  if (!mentions(store, "free space")) return 5;
  if (store.commit(rows_at(2, 1000), {}).ok()) return 6;
  std::filesystem::remove(ballast);
  if (!store.commit(rows_at(3, 100), {}).ok()) return 7;
  if (!store.problem().empty()) return 10;
  std::filesystem::copy(directory, directory + "/copy");
  const StoredState state = load_again(directory + "/copy");
  if (!state.set_aside.empty() || state.rows.size() != 100) return 8;
  return same_row(state.rows[99], row_of(100, 3)) ? 0 : 9;
}

TEST(StoreInTrouble, ReportsAFullDiskAndGoesOnWhenThereIsRoom) {
  const ScratchDirectory scratch;
  const int code = in_own_mounts([&] { return commit_on_a_full_disk(scratch.path()); });
  if (code == kNotAllowed) GTEST_SKIP() << "mounting is not allowed here";
  EXPECT_EQ(code, 0);
}

int start_on_a_full_disk(const std::string& directory) {
  if (::mount("sluice-test", directory.c_str(), "tmpfs", 0, "size=16k") != 0) return kNotAllowed;
  write_whole(directory + "/ballast", std::string(1 << 16, 'x'));
  SqliteStore store(directory + "/state", kTestNow);
  const Result<StoredState> state = store.load();
  if (state.ok()) return 1;
  return mentions(store, "free space") ? 0 : 2;
}

TEST(StoreInTrouble, NamesTheRemedyWhenItCannotBeCreatedOnAFullDisk) {
  const ScratchDirectory scratch;
  const int code = in_own_mounts([&] { return start_on_a_full_disk(scratch.path()); });
  if (code == kNotAllowed) GTEST_SKIP() << "mounting is not allowed here";
  EXPECT_EQ(code, 0);
}

TEST(StoreInTrouble, WaitsForTheOneWhoHasItOpenAndThenSaysSo) {
  const ScratchDirectory scratch;
  load_again(scratch.path());
  sqlite3* reader = nullptr;
  ASSERT_EQ(sqlite3_open(scratch.path("checkpoints.db").c_str(), &reader), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(reader, "BEGIN; SELECT * FROM checkpoint", nullptr, nullptr, nullptr),
            SQLITE_OK);
  SqliteStore store(scratch.path(), kTestNow);
  const Result<StoredState> state = store.load();
  ASSERT_FALSE(state.ok());
  EXPECT_EQ(state.error().code, Errc::kBusy);
  EXPECT_TRUE(mentions(store, "another program"));
  sqlite3_close(reader);
  EXPECT_TRUE(load_again(scratch.path()).set_aside.empty());
}

// Makes the store in `directory` one of a later version; `close` false leaves that in the log.
void make_newer(const std::string& directory, bool close) {
  load_again(directory);
  const pid_t child = ::fork();
  if (child == 0) {
    sqlite3* db = nullptr;
    sqlite3_open((directory + "/checkpoints.db").c_str(), &db);
    const int code = sqlite3_exec(db,
                                  "PRAGMA application_id=1397489667; PRAGMA user_version=3;"
                                  "ALTER TABLE checkpoint ADD COLUMN future TEXT",
                                  nullptr, nullptr, nullptr);
    if (close) sqlite3_close(db);
    ::_exit(code == SQLITE_OK ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
}

TEST(StoreInTrouble, CRA_7_RefusesANewerVersionAndLeavesItUntouched) {
  for (const bool closed : {true, false}) {
    SCOPED_TRACE(closed);
    const ScratchDirectory scratch;
    make_newer(scratch.path(), closed);
    const std::string database = read_whole(scratch.path("checkpoints.db"));
    const std::string log = read_whole(scratch.path("checkpoints.db-wal"));
    EXPECT_EQ(log.empty(), closed);
    SqliteStore store(scratch.path(), kTestNow);
    const Result<StoredState> state = store.load();
    ASSERT_FALSE(state.ok());
    EXPECT_EQ(state.error().code, Errc::kUnsupported);
    EXPECT_TRUE(mentions(store, "newer sluice"));
    EXPECT_EQ(read_whole(scratch.path("checkpoints.db")), database);
    EXPECT_EQ(read_whole(scratch.path("checkpoints.db-wal")), log);
  }
}

}  // namespace
}  // namespace sluice

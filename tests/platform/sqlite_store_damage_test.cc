// SPDX-License-Identifier: Apache-2.0
// sqlite_store_damage_test.cc — a store that a disk, a crash or a person has changed. The oracle is
// the same everywhere: the agent starts, and every row it gets was once committed exactly so.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "checkpoint_rows.h"
#include "platform/sqlite_store.h"
#include "scratch_directory.h"
#include "whole_file.h"

namespace sluice {
namespace {

constexpr int64_t kRows = 300;
constexpr int64_t kCommits = 4;  // offsets 1000, 2000, …

// The bytes of a store, so that each test can damage a copy of them.
struct StoreImage {
  std::string database;
  std::string log;
  std::string host_id;
};

void place(const std::string& directory, const StoreImage& image) {
  std::filesystem::remove_all(directory);
  std::filesystem::create_directory(directory);
  write_whole(directory + "/checkpoints.db", image.database);
  if (!image.log.empty()) write_whole(directory + "/checkpoints.db-wal", image.log);
}

// A store as kill -9 leaves it (`closed` false: the commits are in the log) or as a stop does.
StoreImage make_image(const std::string& directory, bool closed) {
  StoreImage image;
  {
    SqliteStore store(directory, kTestNow);
    const Result<StoredState> state = store.load();
    EXPECT_TRUE(state.ok());
    image.host_id = state.value().host_id;
    for (int64_t k = 1; k <= kCommits; ++k) {
      EXPECT_TRUE(store.commit(rows_at(k * 1000, kRows), {}).ok());
    }
    image.database = read_whole(directory + "/checkpoints.db");
    image.log = read_whole(directory + "/checkpoints.db-wal");
  }
  if (closed) {
    image.database = read_whole(directory + "/checkpoints.db");
    image.log.clear();
  }
  return image;
}

void expect_only_committed_rows(const StoredState& state) {
  int64_t last_id = 0;
  for (const CheckpointRow& row : state.rows) {
    EXPECT_GT(row.row, last_id);
    last_id = row.row;
    EXPECT_LE(row.row, kRows);
    EXPECT_EQ(row.offset.value % 1000, 0);
    EXPECT_LE(row.offset.value, kCommits * 1000);
    EXPECT_TRUE(same_row(row, row_of(row.row, row.offset.value)));
  }
}

// A thousand databases are made here, and durability is not what these tests are about.
std::filesystem::path memory_or_disk() {
  return ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : std::filesystem::temp_directory_path();
}

class DamagedStore : public ::testing::Test {
 protected:
  DamagedStore() : scratch_(memory_or_disk()), directory_(scratch_.path("state")) {
    closed_ = make_image(scratch_.path("closed"), true);
    killed_ = make_image(scratch_.path("killed"), false);
  }

  // Loads a damaged image twice: what was repaired must be whole afterwards.
  StoredState start(const StoreImage& image) {
    place(directory_, image);
    const StoredState state = load_again(directory_);
    expect_only_committed_rows(state);
    EXPECT_EQ(state.host_id.size(), 32U);
    const StoredState again = load_again(directory_);
    EXPECT_TRUE(again.set_aside.empty());
    EXPECT_EQ(again.rows.size(), state.rows.size());
    EXPECT_EQ(again.host_id, state.host_id);
    return state;
  }

  ScratchDirectory scratch_;
  std::string directory_;
  StoreImage closed_;
  StoreImage killed_;
  std::mt19937 random_{20251122};
};

TEST_F(DamagedStore, IsWholeBeforeItIsDamaged) {
  for (const StoreImage& image : {closed_, killed_}) {
    const StoredState state = start(image);
    EXPECT_TRUE(state.set_aside.empty());
    ASSERT_EQ(state.rows.size(), static_cast<size_t>(kRows));
    EXPECT_EQ(state.rows.front().offset, FileOffset(kCommits * 1000));
    EXPECT_EQ(state.host_id, image.host_id);
  }
}

TEST_F(DamagedStore, CRA_3_CutAtAnyLengthIsSetAsideByName) {
  std::vector<size_t> lengths;
  for (size_t n = 0; n < 110; n += 3) lengths.push_back(n);
  for (int i = 0; i < 150; ++i) lengths.push_back(random_() % closed_.database.size());
  for (const size_t length : lengths) {
    SCOPED_TRACE(length);
    StoreImage cut = closed_;
    cut.database.resize(length);
    const StoredState state = start(cut);
    EXPECT_EQ(state.set_aside, directory_ + "/checkpoints.db.damaged-20251122T173000Z");
    EXPECT_EQ(read_whole(state.set_aside), cut.database);
  }
}

TEST_F(DamagedStore, CRA_3_WithItsLogCutAnywhereGoesBackToAWholeCommit) {
  for (int i = 0; i < 150; ++i) {
    StoreImage cut = killed_;
    cut.log.resize(random_() % cut.log.size());
    SCOPED_TRACE(cut.log.size());
    const StoredState state = start(cut);
    EXPECT_TRUE(state.set_aside.empty());
    for (const CheckpointRow& row : state.rows) {
      EXPECT_EQ(row.offset, state.rows.front().offset);
    }
  }
}

TEST_F(DamagedStore, CRA_5_WithAnyBitFlippedNeverYieldsAWrongPosition) {
  std::vector<size_t> positions;
  for (size_t n = 0; n < 100; ++n) positions.push_back(n);
  for (int i = 0; i < 500; ++i) positions.push_back(random_() % closed_.database.size());
  int noticed = 0;
  for (const size_t position : positions) {
    const int bit = static_cast<int>(random_() % 8);
    SCOPED_TRACE(std::to_string(position) + " bit " + std::to_string(bit));
    StoreImage flipped = closed_;
    flipped.database[position] = static_cast<char>(flipped.database[position] ^ (1 << bit));
    noticed += start(flipped).set_aside.empty() ? 0 : 1;
  }
  std::printf("bit flips: %d of %zu noticed, the rest lie in unused bytes\n", noticed,
              positions.size());
  EXPECT_GT(noticed, 300);
}

TEST_F(DamagedStore, CRA_5_WithAnyBitOfItsLogFlippedNeverYieldsAWrongPosition) {
  for (int i = 0; i < 300; ++i) {
    const size_t position = random_() % killed_.log.size();
    SCOPED_TRACE(position);
    StoreImage flipped = killed_;
    flipped.log[position] = static_cast<char>(flipped.log[position] ^ (1 << random_() % 8));
    start(flipped);
  }
}

TEST_F(DamagedStore, KeepsTheRowsOnBothSidesOfABrokenPage) {
  constexpr size_t kPage = 4096;
  const size_t pages = closed_.database.size() / kPage;
  ASSERT_GT(pages, 8U);
  StoreImage broken = closed_;
  // A leaf somewhere in the middle of the table, zeroed as after a power cut.
  std::fill_n(broken.database.begin() + static_cast<ptrdiff_t>(pages / 2 * kPage), kPage, '\0');
  place(directory_, broken);
  SqliteStore store(directory_, kTestNow);
  const Result<StoredState> state = store.load();
  ASSERT_TRUE(state.ok());
  EXPECT_FALSE(state.value().set_aside.empty());
  EXPECT_EQ(state.value().host_id, closed_.host_id);
  expect_only_committed_rows(state.value());
  EXPECT_GT(state.value().rows.size(), static_cast<size_t>(kRows) / 2);
  EXPECT_LT(state.value().rows.size(), static_cast<size_t>(kRows));
}

TEST_F(DamagedStore, CRA_5_DropsAndCountsTheRowWhoseOffsetWasChanged) {
  place(directory_, closed_);
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open((directory_ + "/checkpoints.db").c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "UPDATE checkpoint SET byte_offset=byte_offset+1 WHERE row=17",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  SqliteStore store(directory_, kTestNow);
  const Result<StoredState> state = store.load();
  ASSERT_TRUE(state.ok());
  EXPECT_FALSE(state.value().set_aside.empty());
  EXPECT_EQ(state.value().damaged_rows, 1);
  EXPECT_EQ(state.value().rows.size(), static_cast<size_t>(kRows) - 1);
  expect_only_committed_rows(state.value());
}

TEST_F(DamagedStore, CRA_4_OfNulBytesOrForeignContentIsSetAside) {
  const std::string foreign[] = {"", std::string(65536, '\0'), std::string(5000, 'x'),
                                 "SQLite format 3", closed_.database.substr(4096)};
  for (const std::string& content : foreign) {
    SCOPED_TRACE(content.size());
    const StoredState state = start({content, "", ""});
    EXPECT_FALSE(state.set_aside.empty());
    EXPECT_TRUE(state.rows.empty());
  }
}

TEST_F(DamagedStore, WithoutItsTablesOrWithOneMoreIsSetAside) {
  for (const char* sql :
       {"DROP TABLE checkpoint", "DROP TABLE meta", "DELETE FROM meta", "CREATE TABLE extra(a)",
        "CREATE INDEX i ON checkpoint(path)", "PRAGMA user_version=0", "PRAGMA application_id=1",
        "ALTER TABLE checkpoint RENAME COLUMN epoch TO epoc"}) {
    SCOPED_TRACE(sql);
    place(directory_, closed_);
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open((directory_ + "/checkpoints.db").c_str(), &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(db);
    const StoredState state = load_again(directory_);
    EXPECT_FALSE(state.set_aside.empty());
    expect_only_committed_rows(state);
  }
}

TEST_F(DamagedStore, CRA_6_DoesNotReplayTheLogOfADatabaseThatIsGone) {
  place(directory_, killed_);
  std::filesystem::remove(directory_ + "/checkpoints.db");
  const StoredState state = load_again(directory_);
  EXPECT_FALSE(state.set_aside.empty());
  EXPECT_TRUE(state.rows.empty());
  EXPECT_TRUE(load_again(directory_).rows.empty());
}

TEST_F(DamagedStore, DoesNotOverwriteAnEarlierOneOfTheSameSecond) {
  place(directory_, {"first", "", ""});
  const std::string first = load_again(directory_).set_aside;
  write_whole(directory_ + "/checkpoints.db", "second");
  const std::string second = load_again(directory_).set_aside;
  EXPECT_NE(first, second);
  EXPECT_EQ(read_whole(first), "first");
  EXPECT_EQ(read_whole(second), "second");
}

// Lines that are sent again after damage must get the same ids as the first time.
TEST_F(DamagedStore, BeyondReadingKeepsItsHostId) {
  place(directory_, closed_);
  load_again(directory_);
  write_whole(directory_ + "/checkpoints.db", std::string(8192, '\0'));
  EXPECT_EQ(load_again(directory_).host_id, closed_.host_id);
  for (const char* broken : {"", "short\n", "zz0102030405060708090a0b0c0d0e0f\n"}) {
    place(directory_, {"garbage", "", ""});
    write_whole(directory_ + "/host_id", broken);
    const std::string made = load_again(directory_).host_id;
    EXPECT_EQ(made.size(), 32U);
    EXPECT_EQ(read_whole(directory_ + "/host_id"), made + "\n");
  }
}

TEST_F(DamagedStore, ThatIsADirectoryIsSetAsideToo) {
  place(directory_, closed_);
  std::filesystem::remove(directory_ + "/checkpoints.db");
  std::filesystem::create_directory(directory_ + "/checkpoints.db");
  EXPECT_FALSE(load_again(directory_).set_aside.empty());
}

TEST_F(DamagedStore, CRA_6_IgnoresAnUnfinishedNewFileBesideIt) {
  place(directory_, closed_);
  write_whole(directory_ + "/checkpoints.db.new", "half of a new one");
  const StoredState state = load_again(directory_);
  EXPECT_TRUE(state.set_aside.empty());
  EXPECT_EQ(state.rows.size(), static_cast<size_t>(kRows));
}

}  // namespace
}  // namespace sluice

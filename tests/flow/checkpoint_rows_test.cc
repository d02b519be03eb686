// SPDX-License-Identifier: Apache-2.0
#include "flow/checkpoint/checkpoint_rows.h"

#include <gtest/gtest.h>

#include "steward_stand.h"

namespace sluice {
namespace {

CheckpointRow row_of(const std::string& path, uint64_t inode, int64_t offset = 0) {
  CheckpointRow row;
  row.destination = "default";
  row.path = path;
  row.identity.inode = inode;
  row.offset = FileOffset(offset);
  return row;
}

TEST(CheckpointRows, CommitsWhatChangedAndNothingElse) {
  MemoryStore store;
  CheckpointRows rows;
  CheckpointRow row = rows.add(row_of("/a", 1), WallTime(100));
  EXPECT_TRUE(rows.changed());
  ASSERT_TRUE(rows.commit(store).ok());
  EXPECT_FALSE(rows.changed());
  row.updated = WallTime(200);
  rows.put(row);
  EXPECT_FALSE(rows.changed()) << "a newer time alone says nothing new";
  row.offset = FileOffset(7);
  rows.put(row);
  ASSERT_TRUE(rows.commit(store).ok());
  EXPECT_EQ(store.rows.at(row.row).offset, FileOffset(7));
  rows.erase(row.row);
  ASSERT_TRUE(rows.commit(store).ok());
  EXPECT_TRUE(store.rows.empty());
  EXPECT_EQ(store.commits, 3);
}

TEST(CheckpointRows, AFailedCommitForgetsNothing) {
  MemoryStore store;
  CheckpointRows rows;
  rows.add(row_of("/a", 1), WallTime(100));
  store.broken = true;
  EXPECT_FALSE(rows.commit(store).ok());
  EXPECT_TRUE(rows.changed());
  store.broken = false;
  EXPECT_TRUE(rows.commit(store).ok());
  EXPECT_EQ(store.rows.size(), 1U);
}

TEST(CheckpointRows, NumbersOfErasedRowsDoNotComeBack) {
  MemoryStore store;
  int64_t first = 0;
  {
    CheckpointRows rows;
    first = rows.add(row_of("/a", 1), WallTime(100)).row;
    rows.erase(first);
    EXPECT_GT(rows.add(row_of("/b", 2), WallTime(90)).row, first) << "nor if the clock is set back";
  }
  CheckpointRows next;
  next.load({});
  EXPECT_GT(next.add(row_of("/c", 3), WallTime(150)).row, first);
}

TEST(CheckpointRows, FindsRowsByInodeIfTheyAreFreeAndByNameAnyway) {
  CheckpointRows rows;
  const int64_t by_inode = rows.add(row_of("/a", 1), WallTime(1)).row;
  const int64_t by_path = rows.add(row_of("/b", 2), WallTime(1)).row;
  CheckpointRow other = row_of("/b", 1);
  other.destination = "other";
  rows.add(other, WallTime(1));
  EXPECT_EQ(rows.related("default", 1, "/b").size(), 2U);
  rows.attach(by_inode);
  rows.attach(by_path);
  const auto related = rows.related("default", 1, "/b");
  ASSERT_EQ(related.size(), 1U);
  EXPECT_EQ(related[0]->row, by_path);
}

TEST(CheckpointRows, ARowThatMovesIsFoundAtItsNewPlaceOnly) {
  CheckpointRows rows;
  CheckpointRow row = rows.add(row_of("/a", 1), WallTime(1));
  row.path = "/b";
  row.identity.inode = 2;
  rows.put(row);
  EXPECT_TRUE(rows.related("default", 1, "/a").empty());
  EXPECT_EQ(rows.related("default", 2, "/x").size(), 1U);
  EXPECT_EQ(rows.related("default", 9, "/b").size(), 1U);
  EXPECT_FALSE(rows.knows_inode(1));
}

TEST(CheckpointRows, NotesAboutSourcesSurviveARestartAndAreNoFiles) {
  MemoryStore store;
  CheckpointRows rows;
  rows.note_source("web", WallTime(1));
  EXPECT_EQ(rows.size(), 0U);
  EXPECT_TRUE(rows.free_rows().empty());
  ASSERT_TRUE(rows.commit(store).ok());
  CheckpointRows next;
  next.load(std::move(store.load()->rows));
  EXPECT_TRUE(next.knows_source("web"));
  EXPECT_FALSE(next.knows_source("db"));
}

}  // namespace
}  // namespace sluice

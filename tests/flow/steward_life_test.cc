// SPDX-License-Identifier: Apache-2.0
// The rows of the catalogue of scenarios that are about the life of a file: found, rotated,
// truncated, deleted.
#include "steward_fixture.h"

namespace sluice {
namespace {

LineList sorted(LineList all) {
  std::sort(all.begin(), all.end());
  return all;
}

class StewardLifeTest : public StewardTest {
 protected:
  // What logrotate does with `rotate 3`.
  void rotate() {
    for (int old = 3; old > 0; --old) {
      const std::string from = old == 1 ? "/l/a.log" : "/l/a.log." + std::to_string(old - 1);
      if (disk_.exists(from)) disk_.rename(from, "/l/a.log." + std::to_string(old));
    }
  }
};

TEST_F(StewardLifeTest, DEL_1_UnlinkedWhileItMakesRoomForAnotherItIsStillHeard) {
  StewardSettings settings = settings_for(source({"/l/*.log"}));
  settings.open_files_max = 1;
  agent(std::move(settings));
  disk_.append("/l/a.log", "1\n");
  const uint64_t inode = disk_.inode_of("/l/a.log");
  stand().start();
  stand().run(3_s);
  stand().reports().slow = true;
  disk_.append("/l/b.log", "b\n");
  for (int i = 0; i < 100 && stand().shard_tails(0) + stand().shard_tails(1) > 0; ++i) {
    stand().reports().let_through();  // all but the last word, that it was released
    stand().run(100_ms);
  }
  disk_.unlink("/l/a.log");
  stand().reports().slow = false;
  stand().reports().let_through();
  stand().run(1_s);
  disk_.append_to_inode(inode, "2\n");  // its writer was not told
  stand().run(10_s);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n"}));
  EXPECT_EQ(lines("/l/b.log"), LineList{"b\n"}) << "the unlinked file gave way in the end";
}

// Cut behind the position that was stored last, so that the row fits the new content, too.
TEST_F(StewardLifeTest, CutWhileItMakesRoomForAnotherItsNewLinesGetIdsOfTheirOwn) {
  StewardSettings settings = settings_for(source({"/l/*.log"}));
  settings.open_files_max = 1;
  settings.checkpoint_interval = 3'600_s;
  agent(std::move(settings));
  disk_.append("/l/a.log", "one\n");
  stand().start();
  stand().run(1_s);
  disk_.append("/l/a.log", "two\n");
  stand().run(3_s);
  stand().reports().slow = true;
  disk_.append("/l/b.log", "b\n");
  for (int i = 0; i < 100 && stand().shard_tails(0) + stand().shard_tails(1) > 0; ++i) {
    stand().reports().let_through();  // all but the last word, that it was released
    stand().run(100_ms);
  }
  disk_.overwrite("/l/a.log", "one\nTWO\n");
  disk_.append("/l/a.log", "three\n");
  stand().reports().slow = false;
  stand().reports().let_through();
  stand().run(10_s);
  EXPECT_EQ(lines(), (LineList{"one\n", "two\n", "one\n", "TWO\n", "three\n"}));
  EXPECT_EQ(stand().shared_ids, 0);
}

TEST_F(StewardLifeTest, ATruncatedFileDoesNotRestWhileItsOldLinesAreOnTheirWay) {
  StewardSettings settings = settings_for(source({"/l/*.log"}));
  settings.open_files_max = 1;
  agent(std::move(settings));
  disk_.append("/l/a.log", "one\n");
  stand().start();
  stand().answering = false;
  stand().run(3_s);
  ASSERT_EQ(stand().on_the_way(), 1U);
  disk_.lose_hints = true;
  disk_.overwrite("/l/a.log", "");
  disk_.lose_hints = false;
  disk_.append("/l/b.log", "b\n");  // wants its descriptor
  stand().run(3_s);
  disk_.append("/l/a.log", "uno\n");
  stand().run(3_s);
  stand().answering = true;
  stand().run(20_s);
  EXPECT_EQ(sorted(lines()), (LineList{"one\n", "uno\n"}));
  EXPECT_EQ(lines("/l/b.log"), LineList{"b\n"});
  EXPECT_EQ(stand().shared_ids, 0);
}

// The disk failed when the second one was due, and the agent died before it tried again.
TEST_F(StewardLifeTest, ROT_12_RotatedWhileDownItIsFoundForADestinationWithoutARowToo) {
  StewardSettings settings = settings_for(source({"/l/*.log"}));
  settings.destinations.push_back({.name = "second", .ordered = false});
  settings.sources[0].destinations.push_back(DestinationId(1));
  agent(std::move(settings));
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().answering = false;
  stand().run(3_s);
  stand().crash();
  ASSERT_EQ(store_.rows.size(), 2U);
  std::erase_if(store_.rows, [](const auto& row) { return row.second.destination == "second"; });
  rotate();
  stand().start();
  stand().answering = true;
  stand().run(3_s);
  EXPECT_EQ(stand().lines_of_destination[0], 1);
  EXPECT_EQ(stand().lines_of_destination[1], 1);
}

TEST_F(StewardLifeTest, ROT_12_RotatedOnWhileItIsSearchedForItIsStillFound) {
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  stand().crash();
  disk_.append("/l/a.log", "2\n");
  disk_.rename("/l/a.log", "/l/a.log.1");
  disk_.append("/l/a.log", "3\n");
  bool moved = false;
  disk_.on_stat = [&](const std::string& path) {
    if (path == "/l/a.log.1" && !std::exchange(moved, true)) {
      disk_.rename("/l/a.log.1", "/l/a.log.2");
      disk_.append("/l/a.log.1", "");
    }
  };
  stand().start();
  stand().run(12_s);
  EXPECT_TRUE(moved);
  LineList all = lines();
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (LineList{"1\n", "2\n", "3\n"}));
}

TEST_F(StewardLifeTest, ROT_11_TwoRotationsBetweenTwoLooksLoseAndDoubleNothing) {
  agent();
  disk_.append("/l/a.log.1", "from before\n");
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  disk_.append("/l/a.log", "2\n");
  rotate();
  disk_.append("/l/a.log", "3\n");
  rotate();
  disk_.append("/l/a.log", "4\nunfinished");
  rotate();
  disk_.append("/l/a.log", "5\n");
  stand().run(1_s);
  EXPECT_EQ(sorted(lines()), (LineList{"1\n", "2\n", "3\n", "4\n", "5\n", "unfinished"}));
  EXPECT_EQ(stand().lines.size(), 1U) << "the oldest is from before";
  stand().run(100_s);
  disk_.append("/l/a.log.2", "late\n");  // its writer was not told
  stand().run(12_s);
  EXPECT_EQ(lines().back(), "late\n");
  EXPECT_EQ(lines().size(), 7U);
}

TEST_F(StewardLifeTest, ROT_11_WhatWasRotatedUnseenIsFoundAlsoIfTheNameIsNotThereAnyMore) {
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  rotate();
  disk_.append("/l/a.log", "2\n");
  rotate();
  stand().run(1_s);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n"}));
}

TEST_F(StewardLifeTest, ROT_12_WhatWasMadeAndRotatedWhileDownIsFoundAfterTheRestart) {
  agent();
  disk_.append("/l/a.log.1", "from before\n");
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  stand().crash();
  rotate();
  disk_.append("/l/a.log", "2\n");
  rotate();
  disk_.append("/l/a.log", "3\n");
  stand().start();
  stand().run(1_s);
  EXPECT_EQ(sorted(lines()), (LineList{"1\n", "2\n", "3\n"}));
  EXPECT_EQ(stand().lines.size(), 1U);
  stand().crash();
  stand().start();
  stand().run(1_s);
  EXPECT_LE(lines().size(), 5U) << "only what was not stored comes again";
}

TEST_F(StewardLifeTest, ROT_11_CompressedAndForeignFilesAreNotTakenForRotatedOnes) {
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  rotate();
  disk_.append("/l/a.log.7", "\x1f\x8b compressed\n");
  disk_.append("/l/a.log.1.gz", "compressed\n");
  disk_.append("/l/a.log.swp", "of an editor\n");
  disk_.append("/l/b.log.1", "of another name\n");
  disk_.append("/l/a.log", "2\n");
  stand().run(12_s);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n"}));
  EXPECT_EQ(stand().lines.size(), 1U);
}

TEST_F(StewardLifeTest, ROT_11_ADirectoryInMotionIsSearchedUntilItIsStill) {
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  rotate();
  disk_.append("/l/a.log", "2\n");
  rotate();
  disk_.append("/l/a.log", "3\n");
  int turns = 3;
  disk_.on_stat = [&](const std::string& path) {
    if (path != "/l/a.log.1" || --turns <= 0) return;
    rotate();
    disk_.append("/l/a.log", "more " + std::to_string(turns) + "\n");
  };
  stand().run(1_s);
  EXPECT_EQ(sorted(lines()), (LineList{"1\n", "2\n", "3\n", "more 1\n", "more 2\n"}));
}

TEST_F(StewardLifeTest, ROT_11_WithoutDescriptorsTheFilesWaitForThem) {
  StewardSettings settings = settings_for(source({"/l/*.log"}));
  settings.open_files_max = 1;
  agent(std::move(settings));
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  rotate();
  disk_.append("/l/a.log", "2\n");
  rotate();
  disk_.append("/l/a.log", "3\n");
  rotate();
  disk_.append("/l/a.log", "4\n");
  stand().run(10_s);
  EXPECT_EQ(sorted(lines()), (LineList{"1\n", "2\n", "3\n", "4\n"}));
}

TEST_F(StewardLifeTest, ROT_22_ManyRotationsLeaveFewRowsBehind) {
  agent();
  stand().start();
  LineList all;
  for (int i = 100; i < 400; ++i) {
    rotate();
    disk_.append("/l/a.log", std::to_string(i) + "\n");
    all.push_back(std::to_string(i) + "\n");
    stand().run(10_ms);
  }
  stand().run(20_s);
  EXPECT_EQ(lines(), all);
  EXPECT_LE(store_.rows.size(), Steward::kGoneRowsPerPath + 4);
  stand().crash();
  stand().start();
  stand().run(20_s);
  EXPECT_EQ(lines(), all);
}

TEST_F(StewardLifeTest, ROT_20_RotatedBehindALinkWhileDownIsFoundBesideItsTarget) {
  disk_.make_directories("/pods");
  disk_.append("/pods/0.log", "1\n");
  disk_.symlink("/pods/0.log", "/l/a.log");
  agent();
  stand().start();
  stand().run(3_s);
  stand().crash();
  disk_.append("/pods/0.log", "2\n");
  disk_.rename("/pods/0.log", "/pods/0.log.20261122-101112");
  disk_.append("/pods/0.log", "3\n");
  stand().start();
  stand().run(3_s);
  EXPECT_EQ(sorted(lines()), (LineList{"1\n", "2\n", "3\n"}));
  EXPECT_EQ(stand().lines.size(), 1U);
}

}  // namespace
}  // namespace sluice

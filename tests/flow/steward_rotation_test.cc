// SPDX-License-Identifier: Apache-2.0
// Files that are rotated, truncated, deleted, replaced: running and while the agent is down.
#include "steward_fixture.h"

namespace sluice {
namespace {

class StewardRotationTest : public StewardTest {};

TEST_F(StewardRotationTest, RenameAndCreateLosesNothingAndDoublesNothing) {
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(100_ms);
  disk_.append("/l/a.log", "2\n");
  disk_.rename("/l/a.log", "/l/a.log.1");
  disk_.append("/l/a.log.1", "3\n");  // the writer still has the old file open
  disk_.append("/l/a.log", "4\n");
  stand().run(1_s);
  disk_.append("/l/a.log.1", "5\n");
  stand().run(30_s);
  LineList all = lines();
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (LineList{"1\n", "2\n", "3\n", "4\n", "5\n"}));
  EXPECT_EQ(stand().metrics().files_rotated.get(), 1);
  stand().run(120_s);
  EXPECT_EQ(stand().metrics().files_retired.get(), 1);
  EXPECT_EQ(disk_.open_files(), 1U);
}

TEST_F(StewardRotationTest, ARotatedNameThatMatchesTooIsTheSameFile) {
  agent({"/l/*.log*"});
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(100_ms);
  for (int i = 2; i < 6; ++i) {
    for (int old = i; old > 0; --old) {
      const std::string from = old == 1 ? "/l/a.log" : "/l/a.log." + std::to_string(old - 1);
      if (disk_.exists(from)) disk_.rename(from, "/l/a.log." + std::to_string(old));
    }
    disk_.append("/l/a.log", std::to_string(i) + "\n");
    stand().run(100_ms);
  }
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n", "3\n", "4\n", "5\n"}));
  EXPECT_EQ(stand().lines.size(), 1U);
  EXPECT_EQ(stand().metrics().files_rotated.get(), 4);
  stand().run(30_s);
  EXPECT_EQ(stand().lines.size(), 1U);
}

TEST_F(StewardRotationTest, ROT_26_WhatPassedThroughANameUnseenIsReadAsThatName) {
  agent();
  disk_.append("/l/a.log.9", "old\n");  // rotated before the agent came: none of ours
  stand().start();
  stand().run(100_ms);
  LineList written;
  for (int i = 0; i < 5; ++i) {
    written.push_back(std::to_string(i) + "\n");
    disk_.append("/l/a.log", written.back());
    disk_.rename("/l/a.log", "/l/a.log." + std::to_string(i));
  }
  stand().run(1_s);
  LineList all = lines();
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, written);
  EXPECT_EQ(stand().metrics().files_rotated.get(), 5);
  EXPECT_EQ(stand().metrics().vanished_unread.get(), 0);
  stand().run(300_s);
  EXPECT_EQ(lines().size(), written.size());
  EXPECT_EQ(disk_.open_files(), 0U);
}

TEST_F(StewardRotationTest, ROT_26_TheSameWithoutADescriptorThatIsFree) {
  StewardSettings settings = settings_for(source({"/l/*.log"}));
  settings.open_files_max = 1;
  agent(std::move(settings));
  disk_.append("/l/quiet.log", "quiet\n");
  stand().start();
  disk_.append("/l/waits.log", "waits\n");
  stand().run(20_ms);
  disk_.rename("/l/waits.log", "/l/waits.log.1");  // it was seen, but not opened
  LineList written;
  for (int i = 0; i < 3; ++i) {
    written.push_back(std::to_string(i) + "\n");
    disk_.append("/l/a.log", written.back());
    disk_.rename("/l/a.log", "/l/a.log." + std::to_string(i));
  }
  stand().run(120_s);
  LineList all = lines("/l/a.log");
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, written);
  EXPECT_EQ(lines("/l/waits.log"), LineList{"waits\n"});
  EXPECT_EQ(lines("/l/quiet.log"), LineList{"quiet\n"});
}

TEST_F(StewardRotationTest, DSC_7_WhatWasReplacedUnseenIsCountedAndNamedOnce) {
  agent();
  stand().start();
  for (int i = 0; i < 4; ++i) {
    disk_.append("/l/new", std::to_string(i) + "\n");
    disk_.rename("/l/new", "/l/a.log");
  }
  stand().run(1_s);
  EXPECT_EQ(lines(), LineList{"3\n"});
  EXPECT_EQ(stand().metrics().vanished_unread.get(), 3);
}

// Its writer went on before the new name was known, and the word of that came first or not at all.
TEST_F(StewardRotationTest, WhatWasWrittenBeforeTheNewNameWasKnownIsReadWhenItAppears) {
  StewardSettings settings = settings_for(source({"/l/*.log*"}));
  settings.reconcile_interval = 3'600_s;
  agent(std::move(settings));
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  const uint64_t inode = disk_.inode_of("/l/a.log");
  disk_.link("/l/a.log", "/l/a.log.1");
  disk_.append_to_inode(inode, "2\n");
  stand().run(100_ms);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n"}));
}

TEST_F(StewardRotationTest, TheUnfinishedLastLineOfAFileRotatedToANameThatMatchesTooIsDelivered) {
  agent({"/l/*.log*"});
  disk_.append("/l/a.log", "1\nunfinished");
  stand().start();
  stand().run(100_ms);
  EXPECT_EQ(lines(), LineList{"1\n"});
  disk_.rename("/l/a.log", "/l/a.log.1");
  disk_.append("/l/a.log", "2\nlive");
  stand().run(10_s);
  EXPECT_EQ(lines(), (LineList{"1\n", "unfinished", "2\n"}));
}

TEST_F(StewardRotationTest, AnUnfinishedLineIsTheLastOneAlsoIfTheFileWasRotatedWhileDown) {
  agent({"/l/*.log*"});
  disk_.append("/l/a.log", "1\nunfinished");
  stand().start();
  stand().run(3_s);
  stand().stop();
  disk_.rename("/l/a.log", "/l/a.log.1");
  disk_.append("/l/a.log", "2\nlive");
  stand().start();
  stand().run(10_s);
  EXPECT_EQ(lines("/l/a.log.1"), LineList{"unfinished"});
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n"}));
}

TEST_F(StewardRotationTest, ASecondNameOfALiveFileDoesNotEndItsLine) {
  agent({"/l/*"});
  disk_.append("/l/b.log", "1\nunfinished");
  stand().start();
  stand().run(3_s);
  stand().stop();
  disk_.link("/l/b.log", "/l/a.log");  // found first by the next start
  stand().start();
  stand().run(10_s);
  EXPECT_EQ(lines("/l/b.log"), LineList{"1\n"});
  EXPECT_EQ(lines("/l/a.log"), LineList{});
}

TEST_F(StewardRotationTest, AnUnlinkedFileIsKeptUntilItIsDelivered) {
  agent();
  stand().answering = false;
  disk_.append("/l/a.log", "1\n2\n");
  stand().start();
  stand().run(100_ms);
  disk_.unlink("/l/a.log");
  stand().run(600_s);
  EXPECT_EQ(disk_.open_files(), 1U) << "no timer gives up unconfirmed lines";
  stand().answering = true;
  stand().run(200_ms);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n"}));
  stand().run(6_s);
  EXPECT_EQ(disk_.open_files(), 0U);
  EXPECT_EQ(stand().metrics().files_deleted.get(), 1);
  EXPECT_EQ(stand().metrics().files_retired.get(), 1);
}

TEST_F(StewardRotationTest, TheUnfinishedLastLineOfADeletedFileIsDelivered) {
  agent();
  disk_.append("/l/a.log", "1\nunfinished");
  stand().start();
  stand().run(100_ms);
  EXPECT_EQ(lines(), LineList{"1\n"});
  disk_.unlink("/l/a.log");
  stand().run(10_s);
  EXPECT_EQ(lines(), (LineList{"1\n", "unfinished"}));
  EXPECT_EQ(disk_.open_files(), 0U);
}

TEST_F(StewardRotationTest, DeleteAndCreateUnderTheSameNameAreTwoFiles) {
  disk_.reuse_inodes = true;
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(100_ms);
  for (int i = 2; i < 8; ++i) {
    disk_.unlink("/l/a.log");
    disk_.append("/l/a.log", std::to_string(i) + "\n");
    stand().run(20_s);
  }
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n", "3\n", "4\n", "5\n", "6\n", "7\n"}));
}

TEST_F(StewardRotationTest, TruncationBeginsANewEpochThatOldAcksCannotMove) {
  agent();
  disk_.append("/l/a.log", "old 1\nold 2\n");
  stand().start();
  stand().answering = false;
  stand().run(100_ms);
  disk_.overwrite("/l/a.log", "new\n");
  stand().run(100_ms);
  stand().answering = true;
  stand().run(3_s);
  EXPECT_EQ(lines(), (LineList{"old 1\n", "old 2\n", "new\n"}));
  ASSERT_EQ(store_.rows.size(), 1U);
  EXPECT_EQ(store_.rows.begin()->second.offset, FileOffset(4));
  EXPECT_EQ(store_.rows.begin()->second.epoch, Epoch(1));
}

TEST_F(StewardRotationTest, CopyAndTruncateDeliversBothContents) {
  agent();
  disk_.append("/l/a.log", "1\n2\n");
  stand().start();
  stand().run(100_ms);
  disk_.append("/l/a.log.1", "1\n2\n");
  disk_.overwrite("/l/a.log", "3\n4\n5\n");  // already longer than what was there
  stand().run(1_s);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n", "3\n", "4\n", "5\n"}));
}

TEST_F(StewardRotationTest, TruncatedAndRegrownWhileDownIsReadFromItsBeginning) {
  agent();
  disk_.append("/l/a.log", "1\n2\n");
  stand().start();
  stand().run(3_s);
  stand().stop();
  disk_.overwrite("/l/a.log", "3\n4\n5\n6\n");
  stand().start();
  stand().run(3_s);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n", "3\n", "4\n", "5\n", "6\n"}));
}

TEST_F(StewardRotationTest, RotatedWhileDownIsFoundUnderANameThatNobodyAskedFor) {
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  stand().crash();
  disk_.append("/l/a.log", "2\n");
  disk_.rename("/l/a.log", "/l/a.log.1");
  disk_.append("/l/a.log", "3\n");
  stand().start();
  stand().run(1_s);
  LineList all = lines();
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (LineList{"1\n", "2\n", "3\n"})) << "under the path where they were written";
}

TEST_F(StewardRotationTest, AFileThatIsRotatedBeforeItsFirstAckIsFoundToo) {
  agent();
  stand().answering = false;
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  stand().crash();
  disk_.rename("/l/a.log", "/l/a.log.1");
  stand().answering = true;
  stand().start();
  stand().run(1_s);
  EXPECT_EQ(lines(), LineList{"1\n"});
}

TEST_F(StewardRotationTest, ROT_12_AFileThatIsKilledAndRotatedRightAfterItWasSeenIsFoundToo) {
  agent();
  stand().answering = false;
  stand().start();
  stand().run(3_s);
  disk_.append("/l/a.log", "1\n");
  stand().run(20_ms);
  stand().crash();
  disk_.rename("/l/a.log", "/l/a.log.1");
  stand().answering = true;
  stand().start();
  stand().run(1_s);
  EXPECT_EQ(lines(), LineList{"1\n"});
}

TEST_F(StewardRotationTest, ROT_12_FiveRotationsWhileDownLoseAndDoubleNothing) {
  agent({"/l/a.log*"});
  disk_.append("/l/a.log", "0\n");
  stand().start();
  stand().run(3_s);
  stand().crash();
  for (int i = 1; i <= 5; ++i) {
    for (int old = i; old > 0; --old) {
      const std::string from = old == 1 ? "/l/a.log" : "/l/a.log." + std::to_string(old - 1);
      disk_.rename(from, "/l/a.log." + std::to_string(old));
    }
    disk_.append("/l/a.log." + std::to_string(i), "late\n");
    disk_.append("/l/a.log", std::to_string(i) + "\n");
  }
  stand().start();
  stand().run(3_s);
  std::map<std::string, int> seen;
  for (const auto& [path, all] : stand().lines) {
    for (const std::string& line : all) ++seen[line];
  }
  EXPECT_EQ(seen.at("late\n"), 5);
  for (int i = 0; i <= 5; ++i) EXPECT_EQ(seen[std::to_string(i) + "\n"], 1) << i;
}

TEST_F(StewardRotationTest, AWriterThatComesBackToARotatedFileAfterItWasClosedIsHeard) {
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(100_ms);
  disk_.rename("/l/a.log", "/l/a.log.1");
  stand().run(100_s);
  ASSERT_EQ(disk_.open_files(), 0U);
  disk_.append("/l/a.log.1", "2\n");
  stand().run(12_s);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n"}));
  disk_.rename("/l/a.log.1", "/l/a.log.2");
  stand().run(100_s);
  disk_.append("/l/a.log.2", "3\n");
  stand().run(12_s);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n", "3\n"}));
}

TEST_F(StewardRotationTest, RowsOfFilesThatAreGoneAreForgottenAfterADay) {
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  disk_.unlink("/l/a.log");
  stand().run(60_s);
  ASSERT_EQ(store_.rows.size(), 1U);
  EXPECT_TRUE(store_.rows.begin()->second.gone);
  stand().now = stand().now + Steward::kGoneRowKept;
  stand().run(20_s);
  EXPECT_EQ(store_.rows.size(), 0U);
}

TEST_F(StewardRotationTest, GrowthWhileTheShardLetsGoIsNotMissed) {
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  const uint64_t inode = disk_.inode_of("/l/a.log");
  stand().reports().slow = true;
  disk_.unlink("/l/a.log");
  for (int i = 0; i < 100 && stand().shard_tails(0) + stand().shard_tails(1) > 0; ++i) {
    stand().reports().let_through();  // all but the last word, that it was released
    stand().run(100_ms);
  }
  disk_.append_to_inode(inode, "2\n");
  stand().reports().slow = false;
  stand().reports().let_through();
  stand().run(100_ms);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n"}));
  stand().run(10_s);
  EXPECT_EQ(disk_.open_files(), 0U);
}

TEST_F(StewardRotationTest, NewLinesMayComeHomeBeforeTheWordOfTheirEpoch) {
  agent();
  disk_.append("/l/a.log", "old 1\nold 2\n");
  stand().start();
  stand().run(3_s);
  stand().reports().slow = true;
  disk_.overwrite("/l/a.log", "new\n");
  stand().run(2_s);
  EXPECT_EQ(store_.rows.begin()->second.offset, FileOffset(4));
  EXPECT_EQ(store_.rows.begin()->second.epoch, Epoch(1));
  stand().reports().slow = false;
  stand().reports().let_through();
  stand().run(2_s);
  EXPECT_EQ(store_.rows.begin()->second.offset, FileOffset(4));
}

TEST_F(StewardRotationTest, ROT_19_ARetargetedLinkFinishesTheOldAndFollowsTheNew) {
  disk_.make_directories("/data");
  disk_.append("/data/0", "0\n");
  disk_.symlink("/data/0", "/l/a.log");
  agent();
  stand().start();
  stand().run(100_ms);
  for (int i = 1; i < 5; ++i) {
    const std::string target = "/data/" + std::to_string(i);
    disk_.append("/data/" + std::to_string(i - 1), "last\n");
    disk_.append(target, std::to_string(i) + "\n");
    disk_.symlink(target, "/l/a.log");
    stand().run(100_ms);
  }
  EXPECT_EQ(lines().size(), 9U);
}

TEST_F(StewardRotationTest, ContentReplacedUnderTheCheckpointIsNeverProvenByTheNewContent) {
  agent();
  disk_.append("/l/a.log", std::string(300, 'o') + "\n");
  stand().start();
  stand().answering = false;
  stand().run(3_s);
  // Confirmed in the moment after the content was replaced, and the shard has not looked yet.
  stand().confirm_all();
  disk_.overwrite("/l/a.log", std::string(400, 'n') + "\n");
  stand().steward().turn(stand().now, stand().wall());
  stand().now = stand().now + 2_s;
  stand().steward().turn(stand().now, stand().wall());
  stand().crash();
  stand().answering = true;
  stand().start();
  stand().run(1_s);
  EXPECT_EQ(lines().back(), std::string(400, 'n') + "\n");
  EXPECT_EQ(stand().log.keys["file.replaced"], 1);
}

TEST_F(StewardRotationTest, AHeadThatIsEditedInPlaceDoesNotStopCheckpoints) {
  agent();
  disk_.append("/l/a.log", std::string(300, 'o') + "\n");
  stand().start();
  stand().run(3_s);
  disk_.overwrite("/l/a.log", std::string(10, 'X') + std::string(290, 'o') + "\n");
  for (int i = 0; i < 5; ++i) {
    disk_.append("/l/a.log", "more\n");
    stand().run(2_s);
  }
  EXPECT_EQ(store_.rows.begin()->second.offset, FileOffset(326));
  EXPECT_EQ(lines().size(), 6U);
}

TEST_F(StewardRotationTest, DSC_18_AnOverlayThatCopiesAFileUpChangesNothing) {
  agent();
  std::string text;
  for (int i = 0; i < 50; ++i) text += "line " + std::to_string(i) + "\n";
  disk_.append("/l/a.log", text);
  stand().start();
  stand().run(3_s);
  disk_.append("/l/copy", text + "more\n");
  disk_.rename("/l/copy", "/l/a.log");
  stand().run(3_s);
  EXPECT_EQ(lines().size(), 51U);
}

TEST_F(StewardRotationTest, CRA_10_ARebootThatRenumbersDevicesRepeatsNothing) {
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  stand().stop();
  disk_.remount(99);
  stand().start();
  stand().run(3_s);
  EXPECT_EQ(lines(), LineList{"1\n"});
}

}  // namespace
}  // namespace sluice

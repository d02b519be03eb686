// SPDX-License-Identifier: Apache-2.0
// What the steward follows and delivers, where it goes on, what it says.
#include "steward_fixture.h"

namespace sluice {
namespace {

TEST_F(StewardTest, DeliversWhatIsThereAndWhatComes) {
  disk_.append("/l/a.log", "1\n2\n");
  agent();
  stand().start();
  stand().run(100_ms);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n"}));
  disk_.append("/l/a.log", "3\n");
  disk_.append("/l/b.log", "x\n");
  stand().run(100_ms);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n", "3\n"}));
  EXPECT_EQ(lines("/l/b.log"), LineList{"x\n"});
  EXPECT_EQ(stand().metrics().files_added.get(), 2);
}

TEST_F(StewardTest, GoesOnWhereItStopped) {
  disk_.append("/l/a.log", "1\n2\n");
  agent();
  stand().start();
  stand().run(100_ms);
  EXPECT_EQ(stand().stop(), 0_B);
  disk_.append("/l/a.log", "3\n");
  stand().start();
  stand().run(100_ms);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n", "3\n"}));
  EXPECT_EQ(stand().metrics().files_resumed.get(), 1);
}

TEST_F(StewardTest, NothingUnconfirmedIsForgottenInACrash) {
  disk_.append("/l/a.log", "1\n2\n3\n4\n");
  agent();
  stand().start();
  stand().answering = false;
  stand().run(100_ms);
  stand().confirm_newest_half();  // 3 and 4 are confirmed, 1 and 2 are not
  stand().run(3_s);
  stand().crash();
  ASSERT_EQ(store_.rows.size(), 1U);
  EXPECT_EQ(store_.rows.begin()->second.offset, FileOffset(0));
  stand().answering = true;
  stand().lines.clear();
  stand().start();
  stand().run(100_ms);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n", "3\n", "4\n"}));
}

TEST_F(StewardTest, StoresPositionsBeforeTheIntervalWhenManyBytesWouldBeRepeated) {
  StewardSettings settings = settings_for(source({"/l/*.log"}));
  settings.exposed_bytes = 100_B;
  settings.exposed_bytes_per_row = 0_B;
  agent(std::move(settings));
  disk_.append("/l/a.log", std::string(49, 'x') + "\n");
  stand().start();
  stand().run(100_ms);
  EXPECT_EQ(store_.commits, 1) << "the row of the new file; 50 bytes can wait for the interval";
  disk_.append("/l/a.log", std::string(49, 'y') + "\n");
  stand().run(100_ms);
  ASSERT_EQ(store_.rows.size(), 1U);
  EXPECT_EQ(store_.rows.begin()->second.offset, FileOffset(100));
  EXPECT_EQ(store_.commits, 2);
}

TEST_F(StewardTest, ManyBytesAreNoReasonToAskAFailingStoreAgainAndAgain) {
  StewardSettings settings = settings_for(source({"/l/*.log"}));
  settings.exposed_bytes = 1_B;
  settings.exposed_bytes_per_row = 0_B;
  agent(std::move(settings));
  store_.broken = true;
  stand().start();
  for (int i = 0; i < 50; ++i) {
    disk_.append("/l/a.log", "line\n");
    stand().run(10_ms);
  }
  EXPECT_EQ(stand().metrics().checkpoint_errors.get(), 1);
  store_.broken = false;
  stand().run(1100_ms);
  EXPECT_EQ(store_.rows.begin()->second.offset, FileOffset(250));
}

TEST_F(StewardTest, SaysHowManyBytesStayUndelivered) {
  disk_.append("/l/a.log", "1\n2\n");
  agent();
  stand().answering = false;
  stand().start();
  stand().run(100_ms);
  disk_.append("/l/a.log", "345\n");
  EXPECT_EQ(stand().stop(), 8_B);
}

TEST_F(StewardTest, StoresNothingWhenNothingHappens) {
  disk_.append("/l/a.log", "1\n");
  agent();
  stand().start();
  stand().run(5_s);
  const int commits = store_.commits;
  stand().run(60_s);
  EXPECT_EQ(store_.commits, commits);
  stand().now = stand().now + 1_s;
  const MonoTime next = stand().steward().turn(stand().now, stand().wall());
  EXPECT_GT(next - stand().now, 1_s) << "idle: only the next comparison is due";
}

TEST_F(StewardTest, WhenNothingHappensHintsAreWelcomeAtOnceAndInABurstTheyWait) {
  disk_.append("/l/a.log", "1\n");
  agent();
  stand().start();
  stand().run(5_s);
  EXPECT_LE(stand().steward().hints_wanted_at(), stand().now);
  disk_.append("/l/a.log", "2\n");
  stand().run(Duration(0));
  EXPECT_EQ(stand().steward().hints_wanted_at(), stand().now + Steward::kHintPause);
}

TEST_F(StewardTest, AStoreThatFailsIsTriedAgainAndDeliveryGoesOn) {
  disk_.append("/l/a.log", "1\n");
  agent();
  store_.broken = true;
  stand().start();
  stand().run(3_s);
  EXPECT_EQ(lines(), LineList{"1\n"});
  EXPECT_GE(stand().metrics().checkpoint_errors.get(), 2);
  store_.broken = false;
  stand().run(2_s);
  ASSERT_EQ(store_.rows.size(), 1U);
  EXPECT_EQ(store_.rows.begin()->second.offset, FileOffset(2));
}

TEST_F(StewardTest, FromEndSkipsOnlyWhatWasThereAtTheFirstStart) {
  agent(settings_for(source({"/l/*.log"}, StartFrom::kEnd)));
  disk_.append("/l/a.log", "old\n");
  stand().start();
  stand().run(100_ms);
  disk_.append("/l/a.log", "new\n");
  disk_.append("/l/b.log", "all of it\n");
  stand().run(3_s);
  EXPECT_EQ(lines(), LineList{"new\n"});
  EXPECT_EQ(lines("/l/b.log"), LineList{"all of it\n"});
  stand().stop();
  disk_.append("/l/a.log", "while down\n");
  disk_.append("/l/c.log", "made while down\n");
  stand().start();
  stand().run(100_ms);
  EXPECT_EQ(lines(), (LineList{"new\n", "while down\n"}));
  EXPECT_EQ(lines("/l/c.log"), LineList{"made while down\n"});
}

TEST_F(StewardTest, FromEndRemembersAFirstStartThatFoundNothing) {
  agent(settings_for(source({"/l/*.log"}, StartFrom::kEnd)));
  stand().start();
  stand().run(3_s);
  stand().stop();
  disk_.append("/l/a.log", "made while down\n");
  stand().start();
  stand().run(100_ms);
  EXPECT_EQ(lines(), LineList{"made while down\n"});
}

TEST_F(StewardTest, DSC_3_FromEndRemembersItsFirstStartAlsoIfItIsKilledAtOnce) {
  agent(settings_for(source({"/l/*.log"}, StartFrom::kEnd)));
  disk_.append("/l/a.log", "old\n");
  stand().start();
  stand().step();
  stand().crash();
  disk_.append("/l/a.log", "while down\n");
  disk_.append("/l/b.log", "made while down\n");
  stand().start();
  stand().run(100_ms);
  EXPECT_EQ(lines(), LineList{"while down\n"});
  EXPECT_EQ(lines("/l/b.log"), LineList{"made while down\n"});
}

TEST_F(StewardTest, RowsOfManyNewFilesAreCommittedTogether) {
  agent();
  stand().answering = false;
  stand().start();
  stand().run(5_s);
  const int commits = store_.commits;
  for (int i = 0; i < 50; ++i) {
    disk_.append("/l/" + std::to_string(i) + ".log", "1\n");
    stand().run(10_ms);
  }
  EXPECT_EQ(store_.rows.size(), 50U) << "none waits for the interval";
  EXPECT_LE(store_.commits - commits, 6) << "and half a second is no reason for fifty commits";
}

TEST_F(StewardTest, FromEndBeginsWithAWholeLine) {
  agent(settings_for(source({"/l/*.log"}, StartFrom::kEnd)));
  disk_.append("/l/a.log", "old\nhalf a ");
  stand().start();
  stand().run(100_ms);
  disk_.append("/l/a.log", "line\n");
  stand().run(100_ms);
  EXPECT_EQ(lines(), LineList{"half a line\n"});
}

TEST_F(StewardTest, ADamagedStoreSkipsNothing) {
  store_.set_aside = "/state/damaged";
  store_.damaged_rows = 3;
  agent(settings_for(source({"/l/*.log"}, StartFrom::kEnd)));
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(100_ms);
  EXPECT_EQ(lines(), LineList{"1\n"});
  EXPECT_EQ(stand().log.keys["checkpoint.set_aside"], 1);
  EXPECT_EQ(stand().metrics().checkpoint_rows_damaged.get(), 3);
}

TEST_F(StewardTest, AnUnreadableFileIsSaidOnceAndReadWhenItCanBe) {
  agent();
  disk_.append("/l/a.log", "1\n");
  disk_.append("/l/b.log", "1\n");
  disk_.refuse("/l/a.log", EACCES);
  stand().start();
  stand().run(60_s);
  EXPECT_EQ(lines(), LineList{});
  EXPECT_EQ(lines("/l/b.log"), LineList{"1\n"});
  EXPECT_EQ(stand().log.keys["file.unreadable:/l/a.log"], 1);
  EXPECT_EQ(stand().metrics().skipped_files.get(), 1);
  disk_.refuse("/l/a.log", 0);
  stand().run(11_s);
  EXPECT_EQ(lines(), LineList{"1\n"});
}

TEST_F(StewardTest, AFileThatIsUnreadableAtStartKeepsItsRow) {
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  stand().stop();
  disk_.refuse("/l/a.log", EACCES);
  stand().start();
  stand().run(60_s);
  disk_.refuse("/l/a.log", 0);
  disk_.append("/l/a.log", "2\n");
  stand().run(11_s);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n"}));
}

TEST_F(StewardTest, LostNotificationsAreMadeUpForByComparing) {
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(5_s);
  disk_.lose_hints = true;
  disk_.append("/l/a.log", "2\n");
  disk_.append("/l/b.log", "x\n");
  stand().run(11_s);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n"}));
  EXPECT_EQ(lines("/l/b.log"), LineList{"x\n"});
}

TEST_F(StewardTest, WhenNotificationsOverflowEverythingIsComparedAtOnce) {
  agent();
  stand().start();
  stand().run(1_s);
  disk_.lose_hints = true;
  disk_.append("/l/a.log", "1\n");
  disk_.overflow = true;
  stand().run(20_ms);
  EXPECT_EQ(lines(), LineList{"1\n"});
  EXPECT_EQ(stand().metrics().event_overflows.get(), 1);
}

TEST_F(StewardTest, GrowthBetweenTheLastLookAndTheWordOfItIsNotMissed) {
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  stand().reports().slow = true;
  disk_.append("/l/a.log", "2\n");
  stand().run(50_ms);  // the shard was woken and has looked; the steward has not heard of it
  disk_.append("/l/a.log", "3\n");
  stand().run(50_ms);  // the hint is ignored, for the shard is believed to look by itself
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n"}));
  stand().reports().slow = false;
  stand().reports().let_through();
  stand().run(50_ms);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n", "3\n"}));
}

// The shard's last look ended early, and just then the steward could not see the file.
TEST_F(StewardTest, WhatAShardLeftBehindWhileTheDiskFailedIsReadAtTheNextLook) {
  agent();
  disk_.append("/l/a.log", "1\n2\n");
  stand().start();
  stand().run(3_s);
  disk_.handles_unreadable = true;
  ShardReport early;
  early.kind = ShardReport::Kind::kCold;
  early.tail = TailId(1);
  early.offset = FileOffset(2);
  stand().reports().push(0, early);
  stand().run(50_ms);
  disk_.handles_unreadable = false;
  const int before = stand().wakes();
  stand().run(11_s);  // with a comparison of the directories
  EXPECT_EQ(stand().wakes(), before + 1);
}

TEST_F(StewardTest, WhatLanesGiveBackStaysUndelivered) {
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  stand().answering = false;
  disk_.append("/l/a.log", "23\n");
  stand().run(1_s);
  stand().give_all_back();
  EXPECT_EQ(stand().stop(), 3_B);
  EXPECT_EQ(store_.rows.begin()->second.offset, FileOffset(2));
}

TEST_F(StewardTest, ShardsHearOfAcksWhereOrderMatters) {
  StewardSettings settings = settings_for(source({"/l/*.log"}));
  settings.destinations[0].ordered = true;
  agent(std::move(settings));
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(100_ms);
  disk_.append("/l/a.log", "2\n");
  stand().run(100_ms);
  EXPECT_EQ(stand().acked_orders(0), (std::vector{FileOffset(2), FileOffset(4)}));
}

TEST_F(StewardTest, OneFileUnderManyNamesIsDeliveredOnce) {
  StewardSettings settings = settings_for(source({"/l/*.log", "/l/a*"}));
  settings.sources.push_back(source({"/l/a.log", "/m/*.log"}));
  settings.sources[1].name = "second";
  disk_.make_directories("/m");
  disk_.append("/l/a.log", "1\n");
  disk_.link("/l/a.log", "/l/b.log");
  disk_.symlink("/l/a.log", "/m/c.log");
  agent(std::move(settings));
  stand().start();
  stand().run(20_s);
  EXPECT_EQ(stand().lines.size(), 1U);
  EXPECT_EQ(stand().lines.begin()->second, LineList{"1\n"});
  EXPECT_EQ(stand().log.keys.count("file.shared:/l/a.log") +
                stand().log.keys.count("file.shared:/l/b.log"),
            1U);
  EXPECT_EQ(disk_.open_files(), 1U);
}

TEST_F(StewardTest, EveryDestinationGetsEveryLineAndHasItsOwnPosition) {
  StewardSettings settings = settings_for(source({"/l/*.log"}));
  settings.destinations.push_back({.name = "second", .ordered = false});
  settings.sources[0].destinations.push_back(DestinationId(1));
  disk_.append("/l/a.log", "1\n2\n");
  agent(std::move(settings));
  stand().start();
  stand().run(3_s);
  EXPECT_EQ(stand().lines_of_destination[0], 2);
  EXPECT_EQ(stand().lines_of_destination[1], 2);
  EXPECT_EQ(store_.rows.size(), 2U);
  EXPECT_EQ(disk_.open_files(), 1U);
  disk_.unlink("/l/a.log");
  stand().run(20_s);
  EXPECT_EQ(disk_.open_files(), 0U);
}

TEST_F(StewardTest, MoreFilesThanDescriptorsAreDeliveredInTurns) {
  StewardSettings settings = settings_for(source({"/l/*.log"}));
  settings.open_files_max = 5;
  for (int i = 0; i < 50; ++i) disk_.append("/l/" + std::to_string(i) + ".log", "1\n");
  agent(std::move(settings));
  stand().start();
  for (int i = 0; i < 500; ++i) {
    stand().run(10_ms);
    ASSERT_LE(disk_.open_files(), 5U);
  }
  EXPECT_EQ(stand().lines_of_destination[0], 50);
  // A parked file that grows is opened again and goes on where it was.
  for (int i = 0; i < 50; ++i) disk_.append("/l/" + std::to_string(i) + ".log", "2\n");
  stand().run(10_s);
  EXPECT_EQ(stand().lines_of_destination[0], 100);
  // One that is renamed away and grows is found by its row.
  for (int i = 0; i < 50; ++i) {
    const std::string path = "/l/" + std::to_string(i) + ".log";
    disk_.append(path, "3\n");
    disk_.rename(path, path + ".1");
  }
  stand().run(3'000_s);
  EXPECT_EQ(stand().lines_of_destination[0], 150);
}

TEST_F(StewardTest, TailsAreSpreadOverShards) {
  for (int i = 0; i < 10; ++i) disk_.append("/l/" + std::to_string(i) + ".log", "1\n");
  agent();
  stand().start();
  stand().run(100_ms);
  EXPECT_EQ(stand().shard_tails(0), 5U);
  EXPECT_EQ(stand().shard_tails(1), 5U);
}

TEST_F(StewardTest, LagIsExactInBytesAndInTime) {
  agent();
  disk_.append("/l/a.log", "12\n");
  stand().start();
  stand().run(3_s);
  EXPECT_EQ(stand().steward().survey(stand().now).lag, 0_B);
  stand().answering = false;
  disk_.append("/l/a.log", "34\n");
  stand().run(100_ms);
  Survey survey = stand().steward().survey(stand().now);
  EXPECT_EQ(survey.lag, 3_B);
  EXPECT_EQ(survey.tails_behind, 1U);
  for (int i = 0; i < 60; ++i) {
    disk_.append("/l/a.log", "5\n");
    stand().run(1_s);
    survey = stand().steward().survey(stand().now);
  }
  EXPECT_EQ(survey.lag, 123_B);
  EXPECT_EQ(survey.lag_age, 60_s);
  EXPECT_EQ(stand().metrics().lag_bytes.get(), 123);
  stand().answering = true;
  stand().run(100_ms);
  survey = stand().steward().survey(stand().now);
  EXPECT_EQ(survey.lag, 0_B);
  EXPECT_EQ(survey.lag_age, Duration(0));
}

TEST_F(StewardTest, AgeOfLagFollowsTheOldestByteAndNotTheFirstTimeBehind) {
  std::deque<SizeMark> marks;
  EXPECT_EQ(age_behind(marks, FileOffset(0), FileOffset(10), MonoTime(0)), Duration(0));
  EXPECT_EQ(age_behind(marks, FileOffset(5), FileOffset(20), MonoTime(1'000)), Duration(1'000));
  EXPECT_EQ(age_behind(marks, FileOffset(10), FileOffset(30), MonoTime(1'500)), Duration(500));
  EXPECT_EQ(age_behind(marks, FileOffset(30), FileOffset(30), MonoTime(2'000)), Duration(0));
}

TEST_F(StewardTest, ADirectoryThatCannotBeReadForAWhileLosesNoState) {
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(3_s);
  disk_.refuse("/l", EACCES);
  stand().run(300_s);
  disk_.refuse("/l", 0);
  disk_.append("/l/a.log", "2\n");
  stand().run(20_s);
  EXPECT_EQ(lines(), (LineList{"1\n", "2\n"}));
  EXPECT_EQ(stand().metrics().files_added.get(), 1);
}

TEST_F(StewardTest, NothingIsAdoptedWhileStopping) {
  agent();
  stand().start();
  stand().run(100_ms);
  stand().steward().begin_stop();
  disk_.append("/l/a.log", "1\n");
  stand().run(20_s);
  EXPECT_TRUE(stand().steward().stopped());
  EXPECT_EQ(disk_.open_files(), 0U);
}

}  // namespace
}  // namespace sluice

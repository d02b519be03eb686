// SPDX-License-Identifier: Apache-2.0
// Copy and truncate: the unread rest is read from the copy, and nothing is delivered twice.
#include <numeric>

#include "steward_fixture.h"

namespace sluice {
namespace {

class StewardCopiesTest : public StewardTest {
 protected:
  StewardCopiesTest() { disk_.make_directories("/l/old"); }

  // The shard reads "1" and no more, because its order to wake does not come.
  void begin(const std::vector<std::string>& paths, const std::string& unread) {
    agent(paths);
    disk_.append("/l/a.log", "1\n");
    stand().start();
    stand().run(3_s);
    disk_.append("/l/a.log", unread);
    // The steward has seen how much there is; the shard has not read it.
    stand().steward().turn(stand().now, stand().wall());
  }
  LineList all_lines() {
    LineList all;
    for (const auto& [path, of_path] : stand().lines)
      all.insert(all.end(), of_path.begin(), of_path.end());
    std::sort(all.begin(), all.end());
    return all;
  }
};

TEST_F(StewardCopiesTest, ROT_6_TheRestIsReadFromTheCopyThatNoPatternWants) {
  begin({"/l/*.log"}, "2\n3\n");
  disk_.copy("/l/a.log", "/l/a.log.1");
  disk_.overwrite("/l/a.log", "4\n");
  stand().run(12_s);
  EXPECT_EQ(all_lines(), (LineList{"1\n", "2\n", "3\n", "4\n"}));
  EXPECT_EQ(stand().lines.size(), 1U) << "under the path where they were written";
  EXPECT_EQ(stand().metrics().missed_truncated.get(), 0);
}

TEST_F(StewardCopiesTest, ROT_6_TheRestIsReadFromACopyThatAPatternWants) {
  begin({"/l/*.log*"}, "2\n3\n");
  disk_.copy("/l/a.log", "/l/a.log.1");
  disk_.overwrite("/l/a.log", "4\n");
  stand().run(12_s);
  EXPECT_EQ(all_lines(), (LineList{"1\n", "2\n", "3\n", "4\n"}));
  stand().crash();
  stand().start();
  stand().run(12_s);
  EXPECT_EQ(all_lines(), (LineList{"1\n", "2\n", "3\n", "4\n"}));
}

TEST_F(StewardCopiesTest, ROT_6_TheRestIsReadFromTheCopyInADirectoryThatIsWatched) {
  begin({"/l/*.log", "/l/old/*.txt"}, "2\n3\n");
  disk_.copy("/l/a.log", "/l/old/a.log.1");
  disk_.overwrite("/l/a.log", "4\n");
  stand().run(12_s);
  EXPECT_EQ(all_lines(), (LineList{"1\n", "2\n", "3\n", "4\n"}));
}

TEST_F(StewardCopiesTest, ROT_6_TheRestIsReadFromTheCopyThatWasMadeWhileDown) {
  for (const char* pattern : {"/l/*.log", "/l/*.log*"}) {
    begin({pattern}, "");
    stand().stop();
    disk_.append("/l/a.log", "2\n3\n");
    disk_.copy("/l/a.log", "/l/a.log.1");
    disk_.overwrite("/l/a.log", "4\n5\n6\n7\n");
    stand().start();
    stand().run(12_s);
    EXPECT_EQ(all_lines(), (LineList{"1\n", "2\n", "3\n", "4\n", "5\n", "6\n", "7\n"}));
    disk_.unlink("/l/a.log");
    disk_.unlink("/l/a.log.1");
    store_.rows.clear();
  }
}

TEST_F(StewardCopiesTest, ROT_7_WithoutACopyWhatIsLostIsCountedToTheByte) {
  begin({"/l/*.log"}, "2\nthree\n");
  disk_.overwrite("/l/a.log", "4\n");
  stand().run(12_s);
  EXPECT_EQ(all_lines(), (LineList{"1\n", "4\n"}));
  EXPECT_EQ(stand().metrics().missed_truncated.get(), 8);
  EXPECT_EQ(stand().log.keys["file.missed:/l/a.log"], 1);
}

TEST_F(StewardCopiesTest, ROT_7_WhatWasWrittenBetweenCopyAndTruncationIsCounted) {
  begin({"/l/*.log"}, "2\n");
  disk_.copy("/l/a.log", "/l/a.log.1");
  disk_.append("/l/a.log", "in between\n");
  stand().now = stand().now + Steward::kHotLookPause;
  stand().steward().turn(stand().now, stand().wall());
  disk_.overwrite("/l/a.log", "4\n");
  stand().run(12_s);
  EXPECT_EQ(all_lines(), (LineList{"1\n", "2\n", "4\n"}));
  EXPECT_EQ(stand().metrics().missed_truncated.get(), 11);
}

TEST_F(StewardCopiesTest, ROT_8_ACopyThatIsSeenBeforeTheTruncationIsNotDeliveredTwice) {
  begin({"/l/*.log*"}, "2\n");
  stand().run(1_s);
  disk_.append("/l/a.log.1", "");
  stand().run(1_s);
  disk_.append("/l/a.log.1", "1\n");
  stand().run(1_s);
  disk_.append("/l/a.log.1", "2\n");
  stand().run(30_s);
  EXPECT_EQ(all_lines(), (LineList{"1\n", "2\n"}));
  disk_.overwrite("/l/a.log", "3\n");
  stand().run(30_s);
  EXPECT_EQ(all_lines(), (LineList{"1\n", "2\n", "3\n"}));
  stand().crash();
  stand().start();
  stand().run(30_s);
  EXPECT_EQ(all_lines(), (LineList{"1\n", "2\n", "3\n"}));
}

TEST_F(StewardCopiesTest, ROT_8_AFileThatOnlyBeginsLikeTheLiveOneIsDeliveredWhole) {
  begin({"/l/*.log*"}, "2\n");
  stand().run(1_s);
  disk_.append("/l/a.log.1", "1\n");
  stand().run(1_s);
  disk_.append("/l/a.log.1", "of its own\n");
  stand().run(1_s);
  EXPECT_EQ(lines("/l/a.log.1"), (LineList{"1\n", "of its own\n"}));
}

// An earlier run read the copy for the other destination already.
TEST_F(StewardCopiesTest, ROT_6_TheCopyGoesOnForEveryDestinationThatHasARowOfIt) {
  StewardSettings settings = settings_for(source({"/l/*.log"}));
  settings.destinations.push_back({.name = "second", .ordered = false});
  settings.sources[0].destinations.push_back(DestinationId(1));
  agent(std::move(settings));
  disk_.append("/l/old/a.log.1", "1\n2\n");
  disk_.append("/l/a.log", "4\n");
  const auto stat = disk_.stat("/l/old/a.log.1");
  const std::string text = "1\n2\n";
  CheckpointRow row;
  row.path = "/l/a.log";
  row.identity = identify(*stat, std::as_bytes(std::span(text)));
  row.offset = FileOffset(2);
  row.marker_bytes = 2;
  row.marker_hash = content_hash(std::as_bytes(std::span(text)).first(2));
  row.ledger.seen = 4_B;
  row.row = 7;
  row.destination = "second";
  store_.rows[7] = row;
  row.row = 8;
  row.destination = "default";
  row.identity.inode = 0;  // a rest: its copy is searched for
  store_.rows[8] = row;
  stand().start();
  stand().run(12_s);
  EXPECT_EQ(stand().lines_of_destination[0], 2);
  EXPECT_EQ(stand().lines_of_destination[1], 2);
}

TEST_F(StewardCopiesTest, ROT_5_ManyCopiesLoseAndDoubleNothing) {
  for (const std::string pattern : {"/l/*.log", "/l/*.log*"}) {
    const bool wide = pattern.back() == '*';
    agent({pattern});
    stand().start();
    LineList all;
    for (int i = 100; i < 130; ++i) {
      disk_.append("/l/a.log", std::to_string(i) + "\n");
      all.push_back(std::to_string(i) + "\n");
      // Nothing tells of a content that came and went unseen but a copy that a pattern wants.
      if (!wide || i % 2 == 0) stand().run(20_ms);
      if (disk_.exists("/l/a.log.1")) disk_.rename("/l/a.log.1", "/l/a.log.2");
      disk_.copy("/l/a.log", "/l/a.log.1");
      if (i % 3 == 0) stand().steward().turn(stand().now, stand().wall());
      disk_.truncate("/l/a.log");
      stand().run(i % 5 == 0 ? 100_ms : 20_ms);
    }
    stand().run(12_s);
    EXPECT_EQ(all_lines(), all) << pattern;
    for (const char* name : {"/l/a.log", "/l/a.log.1", "/l/a.log.2"}) disk_.unlink(name);
    store_.rows.clear();
  }
}

}  // namespace
}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// The audit of the steward: the bytes of every line add up to the file, running and after a
// restart.
#include "control/audit_words.h"
#include "steward_fixture.h"

namespace sluice {
namespace {

Bytes missed(const AuditLine& line, MissedReason reason) {
  return line.missed[static_cast<size_t>(reason)];
}

class StewardAuditTest : public StewardTest {
 protected:
  AuditReport audit() {
    AuditReport report = stand().audit();
    sort_lines(report);
    EXPECT_TRUE(report.exact);
    for (const AuditLine& line : report.lines)
      EXPECT_TRUE(line.balanced()) << line.path << " generation " << line.generation;
    return report;
  }
  // The only line with this path, generation and state.
  AuditLine line(const std::string& path, uint32_t generation = 0) {
    AuditLine found;
    int count = 0;
    for (const AuditLine& each : audit().lines) {
      if (each.path != path || each.generation != generation) continue;
      found = each;
      ++count;
    }
    EXPECT_EQ(count, 1) << path << " generation " << generation;
    return found;
  }
};

TEST_F(StewardAuditTest, TellsAckedInFlightAndUnreadOfAFileApart) {
  disk_.append("/l/a.log", "1\n2\n3\n4\nunfinished");
  agent();
  stand().start();
  stand().answering = false;
  stand().run(100_ms);
  stand().confirm_newest_half();
  stand().step();
  const AuditLine found = line("/l/a.log");
  EXPECT_EQ(found.size, 18_B);
  EXPECT_EQ(found.acked, 4_B);
  EXPECT_EQ(found.in_flight, 4_B);
  EXPECT_EQ(found.unread, 10_B);
  EXPECT_EQ(found.offset, FileOffset(0));
  EXPECT_EQ(found.state, AuditState::kFollowed);
  EXPECT_EQ(summary_of(audit()).verdict, AuditVerdict::kBehind);
}

TEST_F(StewardAuditTest, IsCompleteWhenEverythingIsAcknowledged) {
  disk_.append("/l/a.log", "1\n2\n");
  disk_.append("/l/b.log", "x\n");
  agent();
  stand().start();
  stand().run(100_ms);
  const AuditSummary summary = summary_of(audit());
  EXPECT_EQ(summary.verdict, AuditVerdict::kComplete);
  EXPECT_EQ(summary.sums.acked, 6_B);
  EXPECT_EQ(summary.files, 2U);
}

TEST_F(StewardAuditTest, KeepsWhatAPolicyDroppedAcrossARestart) {
  disk_.append("/l/a.log", "1\n2\n3\n");
  agent();
  stand().start();
  stand().answering = false;
  stand().run(100_ms);
  stand().drop_oldest(2);
  stand().confirm_all();
  stand().run(2_s);
  EXPECT_EQ(line("/l/a.log").dropped, 4_B);
  stand().answering = true;
  EXPECT_EQ(stand().stop(), 0_B);
  stand().start();
  stand().run(100_ms);
  const AuditLine found = line("/l/a.log");
  EXPECT_EQ(found.dropped, 4_B);
  EXPECT_EQ(found.acked, 2_B);
  EXPECT_EQ(summary_of(audit()).verdict, AuditVerdict::kComplete);
}

TEST_F(StewardAuditTest, MissesTheUnreadRestOfATruncatedFileAlsoAfterARestart) {
  disk_.append("/l/a.log", "1\n2\nunfinished");
  agent();
  stand().start();
  stand().run(30_s);
  disk_.overwrite("/l/a.log", "new\n");
  stand().run(5_s);
  const AuditLine past = line("/l/a.log", 0);
  EXPECT_EQ(past.state, AuditState::kPast);
  EXPECT_EQ(past.size, 14_B);
  EXPECT_EQ(past.acked, 4_B);
  EXPECT_EQ(missed(past, MissedReason::kTruncated), 10_B);
  EXPECT_EQ(line("/l/a.log", 1).acked, 4_B);
  EXPECT_EQ(summary_of(audit()).verdict, AuditVerdict::kMissing);
  stand().stop();
  stand().start();
  stand().run(100_ms);
  EXPECT_EQ(missed(line("/l/a.log", 0), MissedReason::kTruncated), 10_B);
  EXPECT_EQ(exit_code_of(summary_of(audit()).verdict), 1);
}

TEST_F(StewardAuditTest, CallsLinesOfATruncatedFileUnackedWhenTheAgentDiesWithThem) {
  disk_.append("/l/a.log", "1\n2\n");
  agent();
  stand().start();
  stand().answering = false;
  stand().run(100_ms);
  disk_.overwrite("/l/a.log", "n\n");
  stand().run(5_s);
  EXPECT_EQ(line("/l/a.log", 0).in_flight, 4_B);
  stand().crash();
  stand().answering = true;
  stand().start();
  stand().run(100_ms);
  EXPECT_EQ(missed(line("/l/a.log", 0), MissedReason::kUnacked), 4_B);
  EXPECT_EQ(line("/l/a.log", 1).acked, 2_B);
}

TEST_F(StewardAuditTest, MissesWhatWasReplacedWhileNobodyLooked) {
  disk_.append("/l/a.log", "1\n2\nunfinished");
  agent();
  stand().start();
  stand().run(2_s);
  stand().stop();
  disk_.overwrite("/l/a.log", "other\n");
  stand().start();
  stand().run(100_ms);
  EXPECT_EQ(missed(line("/l/a.log", 0), MissedReason::kReplaced), 10_B);
  EXPECT_EQ(line("/l/a.log", 1).acked, 6_B);
}

TEST_F(StewardAuditTest, MissesTheRestOfAFileThatWentAwayWhileNobodyLooked) {
  disk_.append("/l/a.log", "1\n2\nunfinished");
  agent();
  stand().start();
  stand().run(2_s);
  stand().stop();
  disk_.unlink("/l/a.log");
  stand().start();
  stand().run(15_s);
  const AuditLine gone = line("/l/a.log");
  EXPECT_EQ(gone.state, AuditState::kGone);
  EXPECT_EQ(gone.acked, 4_B);
  EXPECT_EQ(missed(gone, MissedReason::kDeleted), 10_B);
}

TEST_F(StewardAuditTest, CountsWhatWasThereBeforeAStartAtTheEndAsSkipped) {
  disk_.append("/l/a.log", "old\n");
  StewardSource from_end = source({"/l/*.log"});
  from_end.from = StartFrom::kEnd;
  agent(settings_for(std::move(from_end)));
  stand().start();
  disk_.append("/l/a.log", "new\n");
  stand().run(100_ms);
  for (int life = 0; life < 2; ++life) {
    const AuditLine found = line("/l/a.log");
    EXPECT_EQ(found.skipped, 4_B);
    EXPECT_EQ(found.acked, 4_B);
    EXPECT_EQ(found.size, 8_B);
    stand().run(2_s);
    stand().stop();
    stand().start();
    stand().run(100_ms);
  }
}

TEST_F(StewardAuditTest, ShowsFilesWithoutADescriptor) {
  StewardSettings settings = settings_for(source({"/l/*.log"}));
  settings.open_files_max = 2;
  agent(std::move(settings));
  for (int i = 0; i < 6; ++i) disk_.append("/l/" + std::to_string(i) + ".log", "12\n3");
  stand().start();
  stand().answering = false;
  stand().run(100_ms);
  AuditSummary summary = summary_of(audit());
  EXPECT_EQ(summary.files, 6U);
  EXPECT_EQ(summary.sums.size, 24_B);
  EXPECT_EQ(summary.sums.unread + summary.sums.in_flight, 24_B);
  stand().answering = true;
  stand().run(60_s);
  summary = summary_of(audit());
  EXPECT_EQ(summary.files, 6U);
  EXPECT_EQ(summary.sums.size, 24_B);
  EXPECT_EQ(summary.sums.acked, 18_B);
}

TEST_F(StewardAuditTest, FollowsARotatedFileUnderTheNameThatItHad) {
  agent();
  disk_.append("/l/a.log", "1\n");
  stand().start();
  stand().run(100_ms);
  disk_.rename("/l/a.log", "/l/a.log.1");
  disk_.append("/l/a.log", "22\n");
  stand().run(1_s);
  const AuditReport report = audit();
  ASSERT_EQ(report.lines.size(), 2U);
  for (const AuditLine& each : report.lines) EXPECT_EQ(each.path, "/l/a.log");
  const auto rotated =
      std::find_if(report.lines.begin(), report.lines.end(),
                   [](const AuditLine& each) { return each.state == AuditState::kRotated; });
  ASSERT_NE(rotated, report.lines.end());
  EXPECT_EQ(rotated->acked, 2_B);
}

}  // namespace
}  // namespace sluice

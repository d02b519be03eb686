// SPDX-License-Identifier: Apache-2.0
// audit_test.cc — the words, sums, verdicts and pages of an audit; the flags of its commands.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "control/audit_board.h"
#include "control/audit_flags.h"
#include "control/audit_json.h"
#include "control/audit_pages.h"
#include "control/audit_table.h"
#include "control/audit_words.h"
#include "control/explanation.h"

namespace sluice {
namespace {

AuditLine line_of(const std::string& path, int64_t acked, int64_t unread = 0) {
  AuditLine line;
  line.path = path;
  line.source = "app";
  line.destination = "default";
  line.identity.inode = std::hash<std::string>()(path);
  line.identity.device = 65024;
  line.at = WallTime(1'700'000'000'000'000'000);
  line.acked = Bytes(acked);
  line.unread = Bytes(unread);
  line.size = Bytes(acked + unread);
  line.offset = FileOffset(acked);
  return line;
}

AuditLine with_missed(AuditLine line, MissedReason reason, int64_t bytes) {
  line.missed[static_cast<size_t>(reason)] = Bytes(bytes);
  line.size += Bytes(bytes);
  return line;
}

AuditReport report_of(std::vector<AuditLine> lines) {
  AuditReport report;
  report.live = true;
  report.at = WallTime(1'700'000'001'000'000'000);
  report.state_dir = "/var/lib/sluice";
  report.lines = std::move(lines);
  return report;
}

AuditVerdict verdict_of(std::vector<AuditLine> lines) {
  return summary_of(report_of(std::move(lines))).verdict;
}

TEST(AuditVerdict, IsTheWorstOfAllLines) {
  EXPECT_EQ(verdict_of({}), AuditVerdict::kComplete);
  EXPECT_EQ(verdict_of({line_of("/a", 5)}), AuditVerdict::kComplete);
  EXPECT_EQ(verdict_of({line_of("/a", 5), line_of("/b", 5, 1)}), AuditVerdict::kBehind);
  const AuditLine missing = with_missed(line_of("/c", 5, 1), MissedReason::kDeleted, 3);
  EXPECT_EQ(verdict_of({missing, line_of("/b", 5, 1)}), AuditVerdict::kMissing);
  AuditLine broken = line_of("/d", 5);
  broken.size += Bytes(1);
  EXPECT_EQ(verdict_of({missing, broken}), AuditVerdict::kBroken);
  AuditLine dropped = line_of("/e", 5);
  dropped.dropped = Bytes(2);
  dropped.size += Bytes(2);
  EXPECT_EQ(verdict_of({dropped}), AuditVerdict::kComplete) << "the user's own policy";
  AuditLine unreadable = line_of("/f", 0);
  unreadable.state = AuditState::kUnreadable;
  EXPECT_EQ(verdict_of({unreadable}), AuditVerdict::kBehind);
}

TEST(AuditVerdict, IsOneOnlyWhenSomethingIsMissing) {
  EXPECT_EQ(exit_code_of(AuditVerdict::kComplete), 0);
  EXPECT_EQ(exit_code_of(AuditVerdict::kBehind), 0);
  EXPECT_EQ(exit_code_of(AuditVerdict::kMissing), 1);
  EXPECT_EQ(exit_code_of(AuditVerdict::kBroken), 1);
}

TEST(AuditVerdict, SaysHowMuchOfHowManyFilesAndWhy) {
  const AuditReport report =
      report_of({with_missed(line_of("/a", 5), MissedReason::kTruncated, 30),
                 with_missed(line_of("/b", 5, 4), MissedReason::kUnacked, 2)});
  EXPECT_EQ(verdict_sentence(summary_of(report)),
            "MISSING: 32 bytes of 2 files can not be delivered any more (truncated 30, unacked 2); "
            "4 bytes are still to be delivered");
}

TEST(AuditTable, AlignsExactBytesAndEndsWithTheVerdict) {
  AuditLine renamed =
      with_missed(line_of("/var/log/b\n.log", 123'456), MissedReason::kTruncated, 7);
  renamed.present_name = "/var/log/b.1";
  renamed.generation = 4;
  renamed.generations = 2;
  const AuditReport report = report_of({line_of("/var/log/a.log", 5, 1), renamed});
  const std::string text = audit_table(report, summary_of(report));
  EXPECT_NE(text.find("/var/log/b\\n.log (now /var/log/b.1) [7 bytes truncated]\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("3-4"), std::string::npos) << text;
  EXPECT_EQ(text.find("DESTINATION"), std::string::npos) << "there is only one";
  const std::string last = text.substr(text.rfind('\n', text.size() - 2) + 1);
  EXPECT_TRUE(last.starts_with("MISSING: 7 bytes of 1 file ")) << last;
  AuditReport two = report;
  two.lines[1].destination = "other";
  EXPECT_NE(audit_table(two, summary_of(two)).find("DESTINATION"), std::string::npos);
}

TEST(AuditJson, ComesBackAsItWas) {
  AuditLine full = with_missed(line_of("/var/log/\"ä\n.log", 10, 5), MissedReason::kReplaced, 8);
  full.identity.head_hash = UINT64_MAX;
  full.identity.birth_ns = 1'699'999'999'999'999'999;
  full.identity.head_bytes = 1024;
  full.present_name = "/elsewhere";
  full.state = AuditState::kRotated;
  full.generation = 3;
  full.generations = 2;
  full.error = "read: Input/output error";
  const AuditReport report = report_of({full, line_of("/b", 1)});
  std::string problem;
  const auto back = audit_from_json(audit_as_json(report), problem);
  ASSERT_TRUE(back) << problem;
  EXPECT_EQ(back->state_dir, report.state_dir);
  EXPECT_EQ(back->at, report.at);
  ASSERT_EQ(back->lines.size(), 2U);
  const AuditLine& line = back->lines[0];
  EXPECT_EQ(line.path, full.path);
  EXPECT_EQ(line.present_name, full.present_name);
  EXPECT_EQ(line.identity, full.identity);
  EXPECT_EQ(line.state, full.state);
  EXPECT_EQ(line.generation, full.generation);
  EXPECT_EQ(line.generations, full.generations);
  EXPECT_EQ(line.error, full.error);
  EXPECT_EQ(line.missed, full.missed);
  EXPECT_EQ(line.offset, full.offset);
  EXPECT_EQ(line.size, full.size);
  EXPECT_TRUE(line.balanced());
  EXPECT_EQ(audit_as_json(*back), audit_as_json(report));
}

TEST(AuditJson, RefusesWhatIsNoAudit) {
  std::string problem;
  for (const char* text :
       {"", "x", "[]", "{}", "{\"lines\":3,\"exact\":true,\"live\":true}", "{\"status\":\"ok\"}"}) {
    EXPECT_FALSE(audit_from_json(text, problem)) << text;
    EXPECT_FALSE(problem.empty());
    EXPECT_FALSE(explanation_from_json(text, problem)) << text;
  }
}

TEST(AuditReportFilters, LeaveOutWhatIsOldOrDelivered) {
  AuditLine past = with_missed(line_of("/a", 5), MissedReason::kTruncated, 1);
  past.state = AuditState::kPast;
  AuditReport report = report_of({past, line_of("/a", 5), line_of("/b", 5, 1)});
  AuditReport recent = report;
  leave_out_older(recent, past.at);
  EXPECT_EQ(recent.lines.size(), 3U);
  leave_out_older(recent, past.at + Duration(1));
  EXPECT_EQ(recent.lines.size(), 2U);
  leave_out_complete(report);
  ASSERT_EQ(report.lines.size(), 2U);
  EXPECT_EQ(report.lines[1].path, "/b");
}

TEST(AuditBoard, HandsOneReportToAllWhoAskedBeforeItWasBegun) {
  std::atomic<int> wakes{0};
  AuditBoard board([&] { ++wakes; });
  EXPECT_FALSE(board.wanted());
  EXPECT_EQ(board.ask(Duration(1)), nullptr) << "nobody answers";
  ASSERT_TRUE(board.wanted());
  AuditBoard::Report got;
  std::thread asker([&] { got = board.ask(Duration(60'000'000'000)); });
  while (wakes < 2) std::this_thread::yield();
  const uint64_t ticket = board.begin();
  EXPECT_FALSE(board.wanted());
  board.publish(report_of({line_of("/a", 1)}), ticket);
  asker.join();
  ASSERT_NE(got, nullptr);
  EXPECT_EQ(got->lines.size(), 1U);
  EXPECT_EQ(board.ask(Duration(0)), got) << "a moment old is new enough";
  EXPECT_FALSE(board.wanted());
}

TEST(AuditPages, AnswerTheirOwnPathsAndLeaveTheOthers) {
  AuditBoard board([&] {});
  const AdminPages pages = with_audit_pages(
      [](std::string_view path) -> std::optional<AdminPage> {
        if (path == "/metrics") return AdminPage{};
        return std::nullopt;
      },
      board, "/state",
      [](const std::string& path, const AuditReport& report) {
        Explanation explanation;
        explanation.path = path;
        explanation.lines = report.lines;
        return explanation;
      });
  (void)board.ask(Duration(0));
  board.publish(report_of({line_of("/b", 1), line_of("/a", 1)}), board.begin());
  std::string problem;
  const auto audit = audit_from_json(pages("/audit")->body, problem);
  ASSERT_TRUE(audit) << problem;
  EXPECT_EQ(audit->state_dir, "/state");
  EXPECT_EQ(audit->lines[0].path, "/a");
  const auto explanation = explanation_from_json(pages("/explain/var/x y")->body, problem);
  ASSERT_TRUE(explanation) << problem;
  EXPECT_EQ(explanation->path, "/var/x y");
  EXPECT_EQ(explanation->lines.size(), 2U);
  EXPECT_TRUE(pages("/metrics"));
  for (const char* path : {"/explain", "/explainx", "/auditx", "/audit/"})
    EXPECT_FALSE(pages(path));
}

template <size_t N>
AuditFlags flags_of(const char* const (&words)[N], bool explain = false) {
  static std::vector<std::string> kept;
  static std::vector<char*> args;
  kept.assign(words, words + N);
  args.clear();
  for (std::string& word : kept) args.push_back(word.data());
  return explain ? read_explain_flags(args) : read_audit_flags(args);
}

TEST(AuditFlags, LeaveTheFlagsOfTheAgentAlone) {
  const AuditFlags flags =
      flags_of({"-state", "/s", "--json", "-since", "90s", "-open", "-c", "f"});
  EXPECT_TRUE(flags.json);
  EXPECT_TRUE(flags.open_only);
  EXPECT_FALSE(flags.offline);
  EXPECT_EQ(flags.since, Duration(90'000'000'000));
  ASSERT_EQ(flags.rest.size(), 4U);
  EXPECT_STREQ(flags.rest[0], "-state");
  EXPECT_EQ(flags_of({"--since=2h"}).since, Duration(7'200'000'000'000));
  EXPECT_NE(flags_of({"-since", "soon"}).problem.find("'soon' is not valid"), std::string::npos);
}

TEST(AuditFlags, FindThePathInFrontOrBehind) {
  EXPECT_EQ(flags_of({"/a.log", "-state", "/s"}, true).path, "/a.log");
  const AuditFlags behind = flags_of({"-state", "/s", "/a.log"}, true);
  EXPECT_EQ(behind.path, "/a.log");
  EXPECT_EQ(behind.rest.size(), 2U);
  EXPECT_FALSE(flags_of({"-json"}, true).problem.empty());
}

// The page holds both helps as they are, and every word that an answer may have.
TEST(AuditDocs, AreWhatTheCommandsSay) {
  std::ifstream file(std::string(SLUICE_SOURCE_DIR) + "/docs/audit.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string page = text.str();
  EXPECT_NE(page.find(audit_help()), std::string::npos);
  EXPECT_NE(page.find(explain_help()), std::string::npos);
  for (size_t i = 0; i <= static_cast<size_t>(AuditState::kPast); ++i) {
    const std::string name(name_of(static_cast<AuditState>(i)));
    EXPECT_NE(page.find("| `" + name + "` |"), std::string::npos) << name;
  }
  for (size_t i = 0; i < kMissedReasons; ++i) {
    const std::string name(name_of(static_cast<MissedReason>(i)));
    EXPECT_NE(page.find("| `" + name + "` |"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "control/own_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <simdjson.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "control/own_log_format.h"

namespace sluice {
namespace {

constexpr WallTime kNow(1'763'832'600'123'000'000);  // 2025-11-22T17:30:00.123Z
constexpr Duration kSecond(1'000'000'000);

class TestClock final : public Clock {
 public:
  MonoTime mono() override { return now; }
  WallTime wall() override { return kNow; }
  MonoTime now{0};
};

// A pipe whose reader is the test.
class LogPipe {
 public:
  LogPipe() {
    std::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0);
  }
  ~LogPipe() {
    close_reader();
    ::close(ends_[1]);
  }
  int writer() const { return ends_[1]; }
  void close_reader() {
    if (ends_[0] >= 0) ::close(ends_[0]);
    ends_[0] = -1;
  }
  // What has been written up to now.
  std::string take() {
    std::string text;
    char piece[4096];
    pollfd polled{.fd = ends_[0], .events = POLLIN, .revents = 0};
    while (::poll(&polled, 1, 0) > 0) {
      const ssize_t got = ::read(ends_[0], piece, sizeof piece);
      if (got <= 0) break;
      text.append(piece, static_cast<size_t>(got));
    }
    return text;
  }

 private:
  int ends_[2] = {-1, -1};
};

struct TestLog {
  LogPipe pipe;
  TestClock clock;
  Screen screen{pipe.writer()};
  OwnLog log;

  explicit TestLog(LogLevel level = LogLevel::kInfo, LogFormat format = LogFormat::kText)
      : log(screen, clock, level, format) {}
};

int64_t count_of(const std::string& text, const std::string& piece) {
  int64_t count = 0;
  for (size_t at = text.find(piece); at != std::string::npos; at = text.find(piece, at + 1))
    ++count;
  return count;
}

TEST(LogFormat, IsOneLineOfTextForPeople) {
  const EventField fields[] = {{"path", "/var/log/a b.log"}, {"bytes", "12"}, {"empty", ""}};
  const LogEntry entry{.at = kNow,
                       .severity = Severity::kWarning,
                       .key = "k",
                       .message = "cannot read",
                       .fields = fields,
                       .repeats = 0};
  EXPECT_EQ(log_line(entry, LogFormat::kText),
            "2025-11-22T17:30:00.123Z warning cannot read path=\"/var/log/a b.log\" bytes=12 "
            "empty=\"\"");
}

TEST(LogFormat, IsOneJsonObjectForPrograms) {
  const EventField fields[] = {{"path", "a\"b\\c\n\xff"}};
  const LogEntry entry{.at = kNow,
                       .severity = Severity::kError,
                       .key = "lane.hold:x",
                       .message = "401 \xe2\x82\xac",
                       .fields = fields,
                       .repeats = 3};
  const std::string line = log_line(entry, LogFormat::kJson);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  simdjson::dom::parser parser;
  simdjson::dom::element object;
  ASSERT_EQ(parser.parse(line).get(object), simdjson::SUCCESS) << line;
  EXPECT_EQ(std::string_view(object["ts"]), "2025-11-22T17:30:00.123Z");
  EXPECT_EQ(std::string_view(object["level"]), "error");
  EXPECT_EQ(std::string_view(object["event"]), "lane.hold:x");
  EXPECT_EQ(std::string_view(object["msg"]), "401 \xe2\x82\xac");
  EXPECT_EQ(int64_t(object["repeated"]), 3);
  EXPECT_EQ(std::string_view(object["fields"]["path"]), "a\"b\\c\n\xef\xbf\xbd");
}

TEST(LogFormat, MakesOneValidLineOfAnyBytes) {
  std::mt19937 random(11);
  simdjson::dom::parser parser;
  for (int i = 0; i < 2000; ++i) {
    std::string noise(random() % 3000, '\0');
    for (char& byte : noise) byte = static_cast<char>(random());
    const EventField fields[] = {{"noise", noise}};
    const LogEntry entry{.at = kNow,
                         .severity = Severity::kInfo,
                         .key = noise,
                         .message = noise,
                         .fields = fields,
                         .repeats = 0};
    simdjson::dom::element object;
    ASSERT_EQ(parser.parse(log_line(entry, LogFormat::kJson)).get(object), simdjson::SUCCESS);
    for (const char byte : log_line(entry, LogFormat::kText)) {
      ASSERT_TRUE(static_cast<unsigned char>(byte) >= 0x20 && byte != 0x7f);
    }
  }
}

TEST(LogFormat, CutsWhatIsTooLongAndKeepsTheLineShort) {
  const std::string path(100'000, 'x');
  const std::vector<EventField> fields(100, EventField{"path", path});
  const LogEntry entry{.at = kNow,
                       .severity = Severity::kInfo,
                       .key = path,
                       .message = path,
                       .fields = fields,
                       .repeats = 0};
  EXPECT_LT(log_line(entry, LogFormat::kText).size(), 12'000U);
  EXPECT_LT(log_line(entry, LogFormat::kJson).size(), 12'000U);
  const std::string euros = std::string(2047, 'x') + "\xe2\x82\xac";
  const LogEntry last{.at = kNow,
                      .severity = Severity::kInfo,
                      .key = "k",
                      .message = euros,
                      .fields = {},
                      .repeats = 0};
  EXPECT_TRUE(log_line(last, LogFormat::kText).ends_with("x..."));
}

TEST(OwnLog, PrintsWhatIsAtOrAboveItsLevel) {
  const auto lines_at = [](LogLevel level) {
    TestLog test(level);
    test.log.event(Severity::kDebug, "a", "debug");
    test.log.event(Severity::kInfo, "b", "info");
    test.log.event(Severity::kWarning, "c", "warning");
    test.log.event(Severity::kError, "d", "error");
    return count_of(test.pipe.take(), "\n");
  };
  EXPECT_EQ(lines_at(LogLevel::kDebug), 4);
  EXPECT_EQ(lines_at(LogLevel::kInfo), 3);
  EXPECT_EQ(lines_at(LogLevel::kWarning), 2);
  EXPECT_EQ(lines_at(LogLevel::kError), 1);
  EXPECT_EQ(lines_at(LogLevel::kOff), 0);
}

TEST(OwnLog, SumsUpRepeatsOfOneKey) {
  TestLog test;
  for (int i = 0; i < 133; ++i) {
    test.log.event(Severity::kWarning, "down", "attempt " + std::to_string(i));
  }
  test.log.event(Severity::kInfo, "other", "something else");
  EXPECT_EQ(count_of(test.pipe.take(), "\n"), 2);
  EXPECT_EQ(test.log.turn(test.clock.now), MonoTime(10'000'000'000));
  EXPECT_EQ(test.pipe.take(), "");
  test.clock.now = MonoTime(10'000'000'000);
  EXPECT_EQ(test.log.turn(test.clock.now), kNever);
  EXPECT_EQ(test.pipe.take(),
            "2025-11-22T17:30:00.123Z warning attempt 132 (repeated 132 times in 10 s)\n");
}

TEST(OwnLog, SaysWhatItCountedWhenItEnds) {
  LogPipe pipe;
  TestClock clock;
  Screen screen(pipe.writer());
  {
    OwnLog log(screen, clock, LogLevel::kInfo, LogFormat::kJson);
    log.event(Severity::kInfo, "k", "m");
    log.event(Severity::kInfo, "k", "m");
  }
  const std::string text = pipe.take();
  EXPECT_EQ(count_of(text, "\n"), 2);
  EXPECT_NE(text.find(R"("repeated":1})"), std::string::npos);
}

TEST(RepeatFilter, PrintsAnEventAgainAfterAQuietWindow) {
  RepeatFilter filter;
  std::vector<RepeatFilter::Summary> due;
  EXPECT_TRUE(filter.admit("k", Severity::kInfo, "m", MonoTime(0), due));
  EXPECT_FALSE(filter.admit("k", Severity::kInfo, "m", MonoTime(1), due));
  EXPECT_TRUE(due.empty());
  EXPECT_TRUE(filter.admit("k", Severity::kInfo, "m", MonoTime(0) + RepeatFilter::kWindow, due));
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].repeats, 1);
}

// One line per window, however long the storm: first the event, then sums.
TEST(RepeatFilter, SaysEachWindowOfALongStormOnce) {
  RepeatFilter filter;
  int64_t printed = 0;
  int64_t counted = 0;
  for (int64_t ms = 0; ms < 60'000; ms += 10) {
    std::vector<RepeatFilter::Summary> due;
    const MonoTime now(ms * 1'000'000);
    filter.turn(now, due);
    printed += filter.admit("k", Severity::kInfo, "m", now, due) ? 1 : 0;
    for (const auto& summary : due) counted += summary.repeats;
    printed += static_cast<int64_t>(due.size());
  }
  std::vector<RepeatFilter::Summary> rest;
  filter.flush(rest);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(printed, 6);
  EXPECT_EQ(counted + rest[0].repeats + 1, 6000);
}

TEST(RepeatFilter, StaysBoundedUnderEndlessKeys) {
  RepeatFilter filter;
  std::vector<RepeatFilter::Summary> due;
  int64_t printed = 0;
  for (int i = 0; i < 100'000; ++i) {
    printed += filter.admit("file:" + std::to_string(i), Severity::kInfo, "m", MonoTime(0), due);
  }
  EXPECT_LE(printed, static_cast<int64_t>(RepeatFilter::kKeysMax) + 1);
  filter.flush(due);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].repeats + printed, 100'000);
}

TEST(RepeatFilter, KeepsTheWorstSeverityOfWhatItCounted) {
  RepeatFilter filter;
  std::vector<RepeatFilter::Summary> due;
  filter.admit("k", Severity::kInfo, "m", MonoTime(0), due);
  filter.admit("k", Severity::kError, "m", MonoTime(1), due);
  filter.admit("k", Severity::kInfo, "m", MonoTime(2), due);
  filter.flush(due);
  ASSERT_EQ(due.size(), 1U);
  EXPECT_EQ(due[0].severity, Severity::kError);
}

TEST(Screen, DropsLinesInsteadOfWaitingForAReaderThatHangs) {
  LogPipe pipe;
  Screen screen(pipe.writer());
  const std::string line(1000, 'x');
  const auto start = std::chrono::steady_clock::now();
  int sent = 0;
  for (int i = 0; i < 1000; ++i) sent += screen.line(line) ? 1 : 0;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_LT(took.count(), 10.0);
  EXPECT_LT(sent, 100);
  // The reader is back: it learns how many are missing, and lines are whole again.
  std::string text = pipe.take();
  EXPECT_TRUE(screen.line("the end"));
  text += pipe.take();
  EXPECT_NE(text.find(std::to_string(1000 - sent) + " log lines were dropped"), std::string::npos);
  EXPECT_TRUE(text.ends_with("\nthe end\n"));
}

TEST(Screen, OutlivesItsReader) {
  LogPipe pipe;
  Screen screen(pipe.writer());
  pipe.close_reader();
  EXPECT_FALSE(screen.line("nobody hears this"));
}

TEST(OwnLog, WritesWholeLinesFromManyThreads) {
  TestLog test;
  std::string text;
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&test, t] {
      for (int i = 0; i < 100; ++i) {
        const std::string key = std::to_string(t) + "/" + std::to_string(i);
        test.log.event(Severity::kInfo, key, "thread " + key + " end");
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  text = test.pipe.take();
  EXPECT_EQ(count_of(text, "\n"), 400);
  EXPECT_EQ(count_of(text, " end\n"), 400);
}

}  // namespace
}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "control/progress_line.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "control/own_log.h"
#include "control/progress_writer.h"

namespace sluice {
namespace {

ProgressSample sample_at(int64_t seconds) {
  ProgressSample sample;
  sample.at = MonoTime(seconds * 1'000'000'000);
  sample.phase = AgentPhase::kRunning;
  return sample;
}

TEST(ProgressLine, ShowsRatesOfWhatWasAcknowledged) {
  const ProgressSample previous = sample_at(10);
  ProgressSample now = sample_at(12);
  now.acked_raw_bytes = 246'800'000;
  now.acked_lines = 1'500'000;
  now.acked_body_bytes = 41'956'000;
  now.lag_bytes = 1'234'567'890;
  now.files = 12;
  now.in_flight = 4;
  EXPECT_EQ(format_progress(previous, now, 80),
            "123 MB/s  750k lines/s  lag 1.23 GB  12 files  4 in flight  0 errors  wire 17%");
}

TEST(ProgressLine, NamesThePhaseWhenItIsNotRunning) {
  ProgressSample now = sample_at(1);
  now.phase = AgentPhase::kDraining;
  now.files = 1;
  now.errors = 1;
  EXPECT_EQ(format_progress(now, now, 80),
            "draining  0 B/s  0 lines/s  lag 0 B  1 file  0 in flight  1 error");
}

TEST(ProgressLine, FitsAnyWidthAndKeepsTheRateAndTheLag) {
  ProgressSample previous = sample_at(0);
  ProgressSample now = sample_at(1);
  now.phase = AgentPhase::kStarting;
  now.acked_raw_bytes = now.acked_lines = now.acked_body_bytes = INT64_MAX;
  now.lag_bytes = now.files = now.in_flight = now.errors = INT64_MAX;
  for (size_t width = 0; width < 200; ++width) {
    const std::string line = format_progress(previous, now, width);
    EXPECT_LE(line.size(), width);
    if (width >= 30) {
      EXPECT_NE(line.find("lag "), std::string::npos) << width;
    }
  }
}

TEST(ProgressLine, HasThreeDigitsAtMost) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(999.6), "1.00 kB");
  EXPECT_EQ(bytes_text(1'500), "1.50 kB");
  EXPECT_EQ(bytes_text(15'000), "15.0 kB");
  EXPECT_EQ(bytes_text(150'000), "150 kB");
  EXPECT_EQ(bytes_text(999'949), "1.00 MB");
  EXPECT_EQ(bytes_text(9'996'000), "10.0 MB");
  EXPECT_EQ(bytes_text(-5), "0 B");
  EXPECT_EQ(count_text(1'234'567), "1.23M");
}

TEST(ProgressLine, ShowsNoRateWithoutTimeOrAfterARestartOfTheCounters) {
  ProgressSample a = sample_at(1);
  ProgressSample b = sample_at(1);
  b.acked_raw_bytes = 1000;
  EXPECT_TRUE(format_progress(a, b, 80).starts_with("0 B/s"));
  ProgressSample c = sample_at(2);
  EXPECT_TRUE(format_progress(b, c, 80).starts_with("0 B/s"));
}

TEST(ProgressLine, AddsUpDestinationsAndFailures) {
  LaneMetrics lanes[2];
  ShardMetrics shard;
  StewardMetrics steward;
  AgentMetricsView view;
  view.lanes = {{"a", "http", &lanes[0], nullptr}, {"b", "http", &lanes[1], nullptr}};
  view.shards = {{"shard-0", &shard}};
  view.steward = &steward;
  lanes[0].delivered_lines.set(1);
  lanes[1].delivered_lines.set(2);
  lanes[0].statuses[0].set(1);
  lanes[1].statuses[5].set(2);
  lanes[1].statuses[2].set(100);
  shard.read_errors.set(4);
  steward.checkpoint_errors.set(8);
  AgentStatus status;
  status.lag = Bytes(5);
  status.files = 6;
  const ProgressSample sample = progress_sample(view, status, MonoTime(7));
  EXPECT_EQ(sample.acked_lines, 3);
  EXPECT_EQ(sample.errors, 15);
  EXPECT_EQ(sample.lag_bytes, 5);
  EXPECT_EQ(sample.files, 6);
}

// A terminal of 80 columns: what the program writes, and what a person sees.
class Terminal {
 public:
  explicit Terminal(unsigned short columns = 80) {
    winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    EXPECT_EQ(::openpty(&master_, &slave_, nullptr, nullptr, &size), 0);
  }
  ~Terminal() {
    ::close(master_);
    ::close(slave_);
  }
  int descriptor() const { return slave_; }

  // Shows what was written so far.
  void refresh() {
    char piece[4096];
    pollfd polled{.fd = master_, .events = POLLIN, .revents = 0};
    while (::poll(&polled, 1, 0) > 0) {
      const ssize_t got = ::read(master_, piece, sizeof piece);
      if (got <= 0) break;
      for (ssize_t i = 0; i < got; ++i) show(piece[i]);
    }
  }

  bool shows(const std::function<bool(const Terminal&)>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < give_up) {
      refresh();
      if (condition(*this)) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

  std::vector<std::string> rows = {""};
  bool unknown_escape = false;

 private:
  void show(char byte) {
    if (!escape_.empty() || byte == '\x1b') {
      escape_ += byte;
      if (escape_.size() < 3) return;
      unknown_escape = unknown_escape || escape_ != "\x1b[K";
      rows.back().resize(column_);
      escape_.clear();
    } else if (byte == '\r') {
      column_ = 0;
    } else if (byte == '\n') {
      rows.emplace_back();
    } else {
      if (column_ >= rows.back().size()) rows.back().resize(column_ + 1, ' ');
      rows.back()[column_++] = byte;
    }
  }

  int master_ = -1;
  int slave_ = -1;
  size_t column_ = 0;
  std::string escape_;
};

class TestClock final : public Clock {
 public:
  MonoTime mono() override {
    return MonoTime(std::chrono::steady_clock::now().time_since_epoch().count());
  }
  WallTime wall() override { return WallTime(0); }
};

struct TestAgent {
  LaneMetrics lane;
  AgentMetricsView view;
  TestClock clock;
  std::mutex mutex;
  StatusBoard board{[this] {
    const std::lock_guard lock(mutex);
    const uint64_t ticket = board.begin_survey();
    AgentStatus status;
    status.phase = AgentPhase::kRunning;
    status.files = 3;
    board.publish(status, ticket);
  }};

  TestAgent() { view.lanes = {{"default", "http", &lane, nullptr}}; }
};

constexpr Duration kTick(2'000'000);

TEST(Screen, KeepsTheProgressLineBelowTheLog) {
  Terminal terminal;
  Screen screen(terminal.descriptor());
  screen.progress("a long progress line");
  screen.line("first");
  screen.progress("short");
  screen.line("second");
  terminal.refresh();
  EXPECT_EQ(terminal.rows, (std::vector<std::string>{"first", "second", "short"}));
  screen.progress("");
  terminal.refresh();
  EXPECT_EQ(terminal.rows.back(), "");
}

TEST(ProgressWriter, NeverGarblesTheLog) {
  Terminal terminal;
  TestAgent agent;
  Screen screen(terminal.descriptor());
  ASSERT_TRUE(screen.is_terminal());
  ProgressWriter progress(screen, agent.view, agent.board, agent.clock, ProgressMode::kAuto, kTick);
  ASSERT_TRUE(terminal.shows([](const Terminal& t) { return !t.rows.back().empty(); }));
  OwnLog log(screen, agent.clock, LogLevel::kInfo, LogFormat::kText);
  for (int i = 0; i < 200; ++i) {
    log.event(Severity::kInfo, std::to_string(i), "event " + std::to_string(i) + " end");
    terminal.refresh();
    std::this_thread::sleep_for(std::chrono::microseconds(300));
  }
  progress.stop();
  terminal.refresh();
  ASSERT_EQ(terminal.rows.size(), 201U);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(terminal.rows[static_cast<size_t>(i)],
              "1970-01-01T00:00:00.000Z info    event " + std::to_string(i) + " end");
  }
  EXPECT_EQ(terminal.rows.back(), "");
  EXPECT_FALSE(terminal.unknown_escape);
}

TEST(ProgressWriter, KeepsOneLineUpToDateWithinTheWidth) {
  Terminal terminal(40);
  TestAgent agent;
  Screen screen(terminal.descriptor());
  EXPECT_EQ(screen.width(), 40);
  ProgressWriter progress(screen, agent.view, agent.board, agent.clock, ProgressMode::kAuto, kTick);
  agent.lane.in_flight.set(4);
  EXPECT_TRUE(terminal.shows(
      [](const Terminal& t) { return t.rows.back().find("lag 0 B") != std::string::npos; }));
  agent.lane.statuses[5].set(7);
  EXPECT_TRUE(terminal.shows(
      [](const Terminal& t) { return t.rows.back().find("7 errors") != std::string::npos; }));
  EXPECT_EQ(terminal.rows.size(), 1U);
  EXPECT_LT(terminal.rows.back().size(), 40U);
}

// Everything that a program without a terminal would get to see.
std::string written_to_a_pipe(ProgressMode mode) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  {
    TestAgent agent;
    Screen screen(ends[1]);
    ProgressWriter progress(screen, agent.view, agent.board, agent.clock, mode, kTick);
    pollfd polled{.fd = ends[0], .events = POLLIN, .revents = 0};
    ::poll(&polled, 1, mode == ProgressMode::kOn ? 10'000 : 50);
  }
  ::close(ends[1]);
  std::string text;
  char piece[4096];
  for (ssize_t got = 0; (got = ::read(ends[0], piece, sizeof piece)) > 0;) {
    text.append(piece, static_cast<size_t>(got));
  }
  ::close(ends[0]);
  return text;
}

TEST(ProgressWriter, IsSilentWithoutATerminalUnlessAskedFor) {
  EXPECT_EQ(written_to_a_pipe(ProgressMode::kAuto), "");
  EXPECT_EQ(written_to_a_pipe(ProgressMode::kOff), "");
  const std::string asked = written_to_a_pipe(ProgressMode::kOn);
  EXPECT_NE(asked.find(" lines/s  lag 0 B  3 files"), std::string::npos) << asked;
  EXPECT_EQ(asked.find('\x1b'), std::string::npos);
  EXPECT_TRUE(asked.ends_with("\n"));
}

TEST(ProgressWriter, IsOffWhenSwitchedOff) {
  Terminal terminal;
  TestAgent agent;
  Screen screen(terminal.descriptor());
  {
    ProgressWriter progress(screen, agent.view, agent.board, agent.clock, ProgressMode::kOff,
                            kTick);
  }
  terminal.refresh();
  EXPECT_EQ(terminal.rows, std::vector<std::string>{""});
}

}  // namespace
}  // namespace sluice

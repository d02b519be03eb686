// SPDX-License-Identifier: Apache-2.0
#include "measure/child.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>

#include "measure/private_directory.h"
#include "measure/raw_loop.h"

namespace sluice {
namespace {

class ChildTest : public testing::Test {
 protected:
  Child start(const std::function<int()>& work) {
    return Child::start(work, log_file(), interrupt_).value();
  }
  std::string log_file() const { return directory_.path() + "/log"; }
  bool wait_until(const std::function<bool()>& condition) {
    const double end = seconds_of_wall() + 60;
    while (!condition() && seconds_of_wall() < end) interrupt_.pause(Duration(1'000'000));
    return condition();
  }

  Interrupt interrupt_;
  PrivateDirectory directory_{testing::TempDir()};
};

TEST_F(ChildTest, RunsTheWorkInAProcessOfItsOwnAndKeepsItsMessages) {
  Child child = start([] {
    std::fputs("first\nlast words\n", stderr);
    std::fputs("not shown", stdout);
    return 3;
  });
  EXPECT_TRUE(wait_until([&] { return !child.lives(); }));
  EXPECT_EQ(last_line_of(log_file()), "last words");
}

TEST_F(ChildTest, ItsCpuTimeAndItsMemoryAreSeenFromOutside) {
  Child child = start([] {
    for (std::atomic<uint64_t> turns{0}; turns.fetch_add(1) != UINT64_MAX;) {
    }
    return 0;
  });
  EXPECT_TRUE(wait_until([&] { return child.cpu_seconds() > 0.02; }));
  EXPECT_GT(child.peak_resident_bytes(), 1 << 20);
  const double before = child.cpu_seconds();
  EXPECT_TRUE(wait_until([&] { return child.cpu_seconds() > before; }));
}

TEST_F(ChildTest, IsEndedWithItsOwner) {
  pid_t pid = 0;
  {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const Child child = start([&] {
      const pid_t own = ::getpid();
      if (::write(pipe_ends[1], &own, sizeof own) != sizeof own) return 1;
      for (;;) ::pause();
    });
    ASSERT_EQ(::read(pipe_ends[0], &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
    EXPECT_EQ(::kill(pid, 0), 0);
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST_F(ChildTest, IsAskedToEndAndThenEnded) {
  // Blocked, SIGTERM waits until it is asked for.
  const auto wait_for_term = [] {
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &term, nullptr);
    std::fputs("ready\n", stderr);
    int signal = 0;
    sigwait(&term, &signal);
    std::fputs("asked\n", stderr);
    return 0;
  };
  Child polite = start(wait_for_term);
  ASSERT_TRUE(wait_until([&] { return last_line_of(log_file()) == "ready"; }));
  polite.stop(Duration(60'000'000'000), interrupt_);
  EXPECT_FALSE(polite.lives());
  EXPECT_EQ(last_line_of(log_file()), "asked");

  Child deaf = start([] {
    ::signal(SIGTERM, SIG_IGN);
    std::fputs("deaf\n", stderr);
    for (;;) ::pause();
    return 0;
  });
  ASSERT_TRUE(wait_until([&] { return last_line_of(log_file()) == "deaf"; }));
  deaf.stop(Duration(10'000'000), interrupt_);
  EXPECT_FALSE(deaf.lives());
}

TEST_F(ChildTest, ASignalEndsAPauseAndIsRemembered) {
  EXPECT_FALSE(interrupt_.came());
  ::kill(::getpid(), SIGTERM);
  EXPECT_TRUE(interrupt_.pause(Duration(60'000'000'000)));
  EXPECT_TRUE(interrupt_.came());
}

}  // namespace
}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "platform/fd_poller.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loop_io_fixture.h"

namespace sluice {
namespace {

using namespace literals;

struct Recorder final : FdListener {
  std::function<void(int, uint32_t)> then;
  int calls = 0;
  uint32_t revents = 0;
  void on_ready(int fd, uint32_t what) override {
    ++calls;
    revents = what;
    if (then) then(fd, what);
  }
};

// A connected pair of sockets, closed at the end.
struct SocketPair {
  int near = -1;
  int far = -1;
  SocketPair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    near = ends[0];
    far = ends[1];
  }
  ~SocketPair() {
    if (near >= 0) ::close(near);
    if (far >= 0) ::close(far);
  }
  void say(std::string_view text) const {
    EXPECT_EQ(::write(far, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
};

class FdPollerTest : public LoopIoTest {};

INSTANTIATE_TEST_SUITE_P(Backends, FdPollerTest, testing::Values("uring", "pread"),
                         [](const auto& each) { return std::string(each.param); });

TEST_P(FdPollerTest, TellsThatASocketIsReadableAgainAndAgainUntilItIsRead) {
  const SocketPair sockets;
  Recorder listener;
  io_->watch(sockets.near, POLLIN, &listener);
  io_->wait(in(5_ms));
  EXPECT_EQ(listener.calls, 0);
  sockets.say("hello");
  for (int i = 1; i <= 3; ++i) {
    io_->wait(in(10_s));
    EXPECT_EQ(listener.calls, i);
    EXPECT_EQ(listener.revents, static_cast<uint32_t>(POLLIN));
  }
  std::array<char, 16> text{};
  ASSERT_EQ(::read(sockets.near, text.data(), text.size()), 5);
  io_->wait(in(5_ms));  // an event that was under way when the bytes were taken
  const int calls = listener.calls;
  io_->wait(in(5_ms));
  EXPECT_EQ(listener.calls, calls);
  io_->unwatch(sockets.near);
}

TEST_P(FdPollerTest, ASocketIsHeardWhileReadsKeepTheLoopBusy) {
  const SocketPair sockets;
  const FileHandle file = open(scratch_.append("log", "x"));
  Recorder listener;
  io_->watch(sockets.near, POLLIN, &listener);
  sockets.say("hello");
  for (int i = 0; i < 100 && listener.calls == 0; ++i) {
    ASSERT_TRUE(io_->submit({1, file, FileOffset(0), buffer_}));
    io_->wait(in(10_s));
    ASSERT_EQ(next().result, 1);
  }
  EXPECT_GT(listener.calls, 0);
  io_->unwatch(sockets.near);
}

TEST_P(FdPollerTest, ASocketIsHeardByWaitsThatNeverSleep) {
  const SocketPair sockets;
  Recorder listener;
  io_->watch(sockets.near, POLLIN, &listener);
  io_->wait(MonoTime(0));
  sockets.say("hello");
  const MonoTime until = in(10_s);
  while (listener.calls == 0 && SystemClock().mono() < until) io_->wait(MonoTime(0));
  EXPECT_GT(listener.calls, 0);
  io_->unwatch(sockets.near);
}

TEST_P(FdPollerTest, ChangingTheMaskChangesWhatIsTold) {
  const SocketPair sockets;
  Recorder listener;
  io_->watch(sockets.near, POLLIN, &listener);
  io_->wait(in(1_ms));
  io_->watch(sockets.near, POLLIN | POLLOUT, &listener);
  io_->wait(in(10_s));
  EXPECT_EQ(listener.revents, static_cast<uint32_t>(POLLOUT));
  sockets.say("x");
  io_->watch(sockets.near, POLLIN, &listener);
  io_->wait(in(10_s));
  if (listener.calls == 1) io_->wait(in(10_s));  // the wider poll may have been under way
  EXPECT_EQ(listener.revents, static_cast<uint32_t>(POLLIN));
  const int calls = listener.calls;
  io_->watch(sockets.near, 0, &listener);
  io_->wait(in(5_ms));
  io_->wait(in(5_ms));
  EXPECT_EQ(listener.calls, calls);
  io_->watch(sockets.near, POLLIN, &listener);
  io_->wait(in(10_s));
  EXPECT_EQ(listener.calls, calls + 1);
  io_->unwatch(sockets.near);
}

TEST_P(FdPollerTest, ASilentDescriptorDoesNotEndTheWait) {
  SocketPair sockets;
  Recorder listener;
  io_->watch(sockets.near, POLLIN, &listener);
  io_->wait(in(1_ms));
  io_->watch(sockets.near, 0, &listener);
  sockets.say("x");
  ::close(std::exchange(sockets.far, -1));
  const MonoTime until = in(20_ms);
  io_->wait(until);
  EXPECT_GE(SystemClock().mono(), until);
  EXPECT_EQ(listener.calls, 0);
  io_->watch(sockets.near, POLLIN, &listener);
  io_->wait(in(10_s));
  EXPECT_EQ(listener.calls, 1);
  io_->unwatch(sockets.near);
}

TEST_P(FdPollerTest, TellsThatThePeerHungUp) {
  SocketPair sockets;
  Recorder listener;
  io_->watch(sockets.near, POLLIN, &listener);
  io_->wait(in(1_ms));
  ::close(std::exchange(sockets.far, -1));
  io_->wait(in(10_s));
  EXPECT_NE(listener.revents & POLLHUP, 0U);
  io_->unwatch(sockets.near);
}

TEST_P(FdPollerTest, AListenerMayUnwatchItselfAndOthers) {
  const SocketPair one;
  const SocketPair two;
  Recorder first;
  Recorder second;
  const auto stop_both = [&](int, uint32_t) {
    io_->unwatch(one.near);
    io_->unwatch(two.near);
  };
  first.then = stop_both;
  second.then = stop_both;
  io_->watch(one.near, POLLIN, &first);
  io_->watch(two.near, POLLIN, &second);
  one.say("x");
  two.say("x");
  io_->wait(in(10_s));
  io_->wait(in(5_ms));
  EXPECT_EQ(first.calls + second.calls, 1);
}

TEST_P(FdPollerTest, AListenerMayWatchOthers) {
  const SocketPair one;
  const SocketPair two;
  Recorder second;
  Recorder first;
  first.then = [&](int fd, uint32_t) {
    io_->unwatch(fd);
    for (int i = 0; i < 100; ++i) {
      io_->watch(two.near, POLLIN, &second);
      if (i < 99) io_->unwatch(two.near);
    }
  };
  io_->watch(one.near, POLLIN, &first);
  one.say("x");
  two.say("x");
  const MonoTime until = in(10_s);
  while (second.calls == 0 && SystemClock().mono() < until) io_->wait(until);
  EXPECT_EQ(first.calls, 1);
  EXPECT_GE(second.calls, 1);
  io_->unwatch(two.near);
}

TEST_P(FdPollerTest, AReusedDescriptorNumberGetsNoEventOfItsPredecessor) {
  for (int round = 0; round < 50; ++round) {
    SocketPair fresh;
    Recorder old_listener;
    Recorder new_listener;
    SocketPair old;
    const int number = old.near;
    io_->watch(number, POLLIN, &old_listener);
    io_->wait(in(Duration(1)));  // the poll is under way
    old.say("late");             // the event too
    io_->unwatch(number);
    ::close(std::exchange(old.near, -1));
    ASSERT_EQ(::dup2(fresh.near, number), number);
    old.near = number;
    io_->watch(number, POLLIN, &new_listener);
    io_->wait(in(Duration(100'000)));
    ASSERT_EQ(old_listener.calls, 0);
    ASSERT_EQ(new_listener.calls, 0);
    fresh.say("mine");
    io_->wait(in(10_s));
    ASSERT_EQ(new_listener.calls, 1);
    io_->unwatch(number);
  }
}

TEST_P(FdPollerTest, AnEventReportedTogetherWithTheOneThatReplacedItsDescriptorIsDropped) {
  SocketPair one;
  SocketPair two;
  const SocketPair fresh;
  Recorder newcomer;
  const auto replace = [&](SocketPair& other) {
    const int number = other.near;
    io_->unwatch(number);
    ::close(number);
    ASSERT_EQ(::dup2(fresh.near, number), number);
    io_->watch(number, POLLIN, &newcomer);
  };
  Recorder first;
  Recorder second;
  first.then = [&](int fd, uint32_t) { io_->unwatch(fd), replace(two); };
  second.then = [&](int fd, uint32_t) { io_->unwatch(fd), replace(one); };
  io_->watch(one.near, POLLIN, &first);
  io_->watch(two.near, POLLIN, &second);
  one.say("x");
  two.say("x");
  io_->wait(in(10_s));
  io_->wait(in(5_ms));
  EXPECT_EQ(first.calls + second.calls, 1);
  EXPECT_EQ(newcomer.calls, 0);
  io_->unwatch(one.near);
  io_->unwatch(two.near);
}

TEST_P(FdPollerTest, ClosesASocketForItsPeerAsSoonAsItIsUnwatched) {
  SocketPair sockets;
  Recorder listener;
  io_->watch(sockets.near, POLLIN, &listener);
  io_->wait(in(1_ms));
  io_->unwatch(sockets.near);
  ::close(std::exchange(sockets.near, -1));
  pollfd far{sockets.far, POLLIN, 0};
  EXPECT_EQ(::poll(&far, 1, 10'000), 1);
  EXPECT_NE(far.revents & POLLHUP, 0);
}

TEST_P(FdPollerTest, HearsThreeHundredSockets) {
  std::vector<std::unique_ptr<SocketPair>> pairs;
  std::vector<int> heard(300);
  std::vector<Recorder> listeners(300);
  for (size_t i = 0; i < 300; ++i) {
    pairs.push_back(std::make_unique<SocketPair>());
    listeners[i].then = [&, i](int fd, uint32_t) {
      std::array<char, 8> text{};
      EXPECT_EQ(::read(fd, text.data(), text.size()), 1);
      ++heard[i];
    };
    io_->watch(pairs[i]->near, POLLIN, &listeners[i]);
  }
  const MonoTime until = in(30_s);
  for (int round = 1; round <= 3; ++round) {
    for (const auto& pair : pairs) pair->say("x");
    const auto all_heard = [&] {
      return std::all_of(heard.begin(), heard.end(), [&](int n) { return n == round; });
    };
    while (!all_heard() && SystemClock().mono() < until) io_->wait(until);
    ASSERT_TRUE(all_heard());
  }
  for (const auto& pair : pairs) io_->unwatch(pair->near);
}

}  // namespace
}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// One suite for both backends: what holds for the ring holds for pread.
#include "platform/loop_io.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "platform/io_probe.h"
#include "platform/pread_io.h"
#include "platform/system_clock.h"
#include "platform/uring_io.h"
#include "scratch_directory.h"

namespace sluice {
namespace {

using namespace literals;

MonoTime in(Duration time) {
  return SystemClock().mono() + time;
}

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

class LoopIoTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (std::string_view(GetParam()) == "uring" && !probe_uring().usable) {
      GTEST_SKIP() << probe_uring().reason;
    }
    io_ = make(4);
    ASSERT_NE(io_, nullptr);
  }
  void TearDown() override {
    io_.reset();
    for (const int fd : opened_) ::close(fd);
  }

  static std::unique_ptr<LoopIo> make(size_t reads_max, std::span<const iovec> buffers = {}) {
    const LoopIoOptions options{reads_max, buffers};
    if (std::string_view(GetParam()) == "pread") {
      auto io = PreadIo::create(options);
      return io ? std::move(io).value() : nullptr;
    }
    auto io = UringIo::create(options);
    return io ? std::move(io).value() : nullptr;
  }

  FileHandle open(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    EXPECT_GE(fd, 0);
    opened_.push_back(fd);
    return FileHandle{fd};
  }

  // The next completion, waited for.
  ReadDone next() {
    std::array<ReadDone, 1> done;
    const MonoTime until = in(10_s);
    while (io_->reap(done) == 0) {
      if (SystemClock().mono() >= until) {
        ADD_FAILURE() << "no completion within 10 s";
        return {};
      }
      io_->wait(until);
    }
    return done[0];
  }

  ReadDone read(FileHandle file, int64_t offset, std::span<std::byte> into) {
    EXPECT_TRUE(io_->submit({77, file, FileOffset(offset), into}));
    return next();
  }

  static std::string text_of(std::span<const std::byte> bytes, int32_t size) {
    return {reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(size)};
  }

  ScratchDirectory scratch_;
  std::unique_ptr<LoopIo> io_;
  std::vector<int> opened_;
  std::array<std::byte, 64> buffer_{};
};

INSTANTIATE_TEST_SUITE_P(Backends, LoopIoTest, testing::Values("uring", "pread"),
                         [](const auto& each) { return std::string(each.param); });

TEST_P(LoopIoTest, NamesItsBackend) {
  EXPECT_STREQ(io_->backend(), GetParam());
}

TEST_P(LoopIoTest, ReadsFromTheGivenOffset) {
  const FileHandle file = open(scratch_.append("log", "first\nsecond\n"));
  const ReadDone done = read(file, 6, buffer_);
  EXPECT_EQ(done.tag, 77U);
  ASSERT_EQ(done.result, 7);
  EXPECT_EQ(text_of(buffer_, done.result), "second\n");
}

TEST_P(LoopIoTest, AnswersZeroAtAndAfterTheEnd) {
  const FileHandle file = open(scratch_.append("log", "12345"));
  EXPECT_EQ(read(file, 5, buffer_).result, 0);
  EXPECT_EQ(read(file, 500, buffer_).result, 0);
}

TEST_P(LoopIoTest, SeesWhatWasAppendedSinceTheLastRead) {
  const FileHandle file = open(scratch_.append("log", "one\n"));
  EXPECT_EQ(read(file, 0, buffer_).result, 4);
  EXPECT_EQ(read(file, 4, buffer_).result, 0);
  scratch_.append("log", "two\n");
  const ReadDone done = read(file, 4, buffer_);
  ASSERT_EQ(done.result, 4);
  EXPECT_EQ(text_of(buffer_, 4), "two\n");
}

TEST_P(LoopIoTest, ReadsAFileThatLostItsName) {
  const std::string path = scratch_.append("log", "kept by its descriptor\n");
  const FileHandle file = open(path);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  EXPECT_EQ(read(file, 0, buffer_).result, 23);
}

TEST_P(LoopIoTest, ReadsAFileThatWasOpenedNonBlocking) {
  const std::string path = scratch_.append("log", "hello\n");
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  opened_.push_back(fd);
  EXPECT_EQ(read(FileHandle{fd}, 0, buffer_).result, 6);
}

TEST_P(LoopIoTest, ReportsErrorsOfTheRead) {
  const int directory = ::open(scratch_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  opened_.push_back(directory);
  EXPECT_EQ(read(FileHandle{directory}, 0, buffer_).result, -EISDIR);

  const std::string path = scratch_.append("log", "x");
  const int closed = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ::close(closed);
  EXPECT_EQ(read(FileHandle{closed}, 0, buffer_).result, -EBADF);

  const int write_only = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  opened_.push_back(write_only);
  EXPECT_EQ(read(FileHandle{write_only}, 0, buffer_).result, -EBADF);
}

TEST_P(LoopIoTest, RefusesReadsOverItsLimitUntilOneIsReaped) {
  const FileHandle file = open(scratch_.append("log", "0123456789"));
  std::array<std::array<std::byte, 1>, 5> into{};
  EXPECT_EQ(io_->reads_in_flight_max(), 4U);
  for (uint64_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(io_->submit({i, file, FileOffset(static_cast<int64_t>(i)), into[i]}));
  }
  EXPECT_FALSE(io_->submit({4, file, FileOffset(4), into[4]}));
  // Completed but not reaped still counts.
  io_->wait(in(10_s));
  EXPECT_FALSE(io_->submit({4, file, FileOffset(4), into[4]}));
  (void)next();
  EXPECT_TRUE(io_->submit({4, file, FileOffset(4), into[4]}));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(next().result, 1);
}

TEST_P(LoopIoTest, AThousandReadsComeBackOnceEach) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += std::to_string(100'000 + i) + "\n";
  const FileHandle file = open(scratch_.append("log", text));
  constexpr size_t kAtOnce = 32;
  io_ = make(kAtOnce);
  std::vector<std::array<std::byte, 7>> into(1000);
  std::vector<int> seen(1000);
  uint64_t submitted = 0;
  size_t reaped = 0;
  const MonoTime until = in(30_s);
  while (reaped < 1000) {
    ASSERT_LT(SystemClock().mono(), until);
    while (submitted < 1000 &&
           io_->submit({submitted, file, FileOffset(static_cast<int64_t>(submitted * 7)),
                        into[submitted]})) {
      ++submitted;
    }
    std::array<ReadDone, 5> done;  // fewer than are in flight
    const size_t count = io_->reap(done);
    for (size_t i = 0; i < count; ++i) {
      ASSERT_EQ(done[i].result, 7);
      ++seen[done[i].tag];
    }
    reaped += count;
    if (count == 0) io_->wait(until);
  }
  for (size_t i = 0; i < 1000; ++i) {
    ASSERT_EQ(seen[i], 1);
    ASSERT_EQ(text_of(into[i], 6), std::to_string(100'000 + i));
  }
}

TEST_P(LoopIoTest, ReadsIntoRegisteredMemoryAtAnyPlaceInIt) {
  constexpr size_t kSize = 3 * 4096;
  void* memory = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  const std::array<iovec, 2> buffers = {
      iovec{memory, 4096}, iovec{static_cast<std::byte*>(memory) + 4096, 2 * size_t{4096}}};
  io_ = make(4, buffers);
  const FileHandle file = open(scratch_.append("log", "registered\n"));
  const std::span<std::byte> into(static_cast<std::byte*>(memory) + 4096 + 100, 5000);
  ASSERT_TRUE(io_->submit({5, file, FileOffset(0), into, 1}));
  EXPECT_EQ(next().result, 11);
  EXPECT_EQ(text_of(into, 11), "registered\n");
  io_.reset();
  ::munmap(memory, kSize);
}

TEST_P(LoopIoTest, WaitEndsAtItsDeadlineAndNotBefore) {
  const MonoTime start = SystemClock().mono();
  io_->wait(start + 30_ms);
  const Duration took = SystemClock().mono() - start;
  EXPECT_GE(took, 30_ms);
  EXPECT_LT(took, 5_s);
}

TEST_P(LoopIoTest, WaitReturnsAtOnceWhenItsDeadlineIsPast) {
  const MonoTime start = SystemClock().mono();
  io_->wait(MonoTime(0));
  io_->wait(start - 1_s);
  EXPECT_LT(SystemClock().mono() - start, 1_s);
}

TEST_P(LoopIoTest, WaitReturnsAtOnceWhileACompletionIsNotReaped) {
  const FileHandle file = open(scratch_.append("log", "x"));
  ASSERT_TRUE(io_->submit({1, file, FileOffset(0), buffer_}));
  const MonoTime start = SystemClock().mono();
  for (int i = 0; i < 3; ++i) io_->wait(start + 20_s);
  EXPECT_LT(SystemClock().mono() - start, 10_s);
  EXPECT_EQ(next().result, 1);
}

TEST_P(LoopIoTest, AWakeBeforeTheWaitEndsItAndIsThenUsedUp) {
  io_->wake();
  io_->wake();
  const MonoTime start = SystemClock().mono();
  io_->wait(start + 20_s);
  EXPECT_LT(SystemClock().mono() - start, 10_s);
  const MonoTime again = SystemClock().mono();
  io_->wait(again + 20_ms);
  EXPECT_GE(SystemClock().mono() - again, 20_ms);
}

TEST_P(LoopIoTest, AnotherThreadWakesTheLoopEveryTime) {
  constexpr int kRounds = 2000;
  std::atomic<int> sent{0};
  std::atomic<int> seen{0};
  std::thread waker([&] {
    for (int i = 1; i <= kRounds; ++i) {
      sent.store(i);
      io_->wake();
      // Every second round waits until the loop has seen it, so that both the sleeping and the
      // busy loop are met.
      while (i % 2 == 0 && seen.load() < i) std::this_thread::yield();
    }
  });
  const MonoTime until = in(60_s);
  while (seen.load() < kRounds && SystemClock().mono() < until) {
    io_->wait(until);
    seen.store(sent.load());
  }
  waker.join();
  EXPECT_EQ(seen.load(), kRounds);
}

TEST_P(LoopIoTest, TellsThatASocketIsReadableAgainAndAgainUntilItIsRead) {
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

TEST_P(LoopIoTest, ASocketIsHeardWhileReadsKeepTheLoopBusy) {
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

TEST_P(LoopIoTest, ASocketIsHeardByWaitsThatNeverSleep) {
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

TEST_P(LoopIoTest, ChangingTheMaskChangesWhatIsTold) {
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

TEST_P(LoopIoTest, TellsThatThePeerHungUp) {
  SocketPair sockets;
  Recorder listener;
  io_->watch(sockets.near, POLLIN, &listener);
  io_->wait(in(1_ms));
  ::close(std::exchange(sockets.far, -1));
  io_->wait(in(10_s));
  EXPECT_NE(listener.revents & POLLHUP, 0U);
  io_->unwatch(sockets.near);
}

TEST_P(LoopIoTest, AListenerMayUnwatchItselfAndOthers) {
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

TEST_P(LoopIoTest, AListenerMayWatchOthers) {
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

TEST_P(LoopIoTest, AReusedDescriptorNumberGetsNoEventOfItsPredecessor) {
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

TEST_P(LoopIoTest, AnEventReportedTogetherWithTheOneThatReplacedItsDescriptorIsDropped) {
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

TEST_P(LoopIoTest, ClosesASocketForItsPeerAsSoonAsItIsUnwatched) {
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

TEST_P(LoopIoTest, HearsThreeHundredSockets) {
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

TEST_P(LoopIoTest, ASignalHandlerMayWakeTheLoop) {
  static LoopIo* target = nullptr;
  target = io_.get();
  struct sigaction action {};
  action.sa_handler = [](int) { target->wake(); };
  struct sigaction before {};
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &before), 0);
  const pthread_t loop = ::pthread_self();
  std::atomic<bool> ended{false};
  std::thread sender([&] {
    while (!ended.load()) {
      ::pthread_kill(loop, SIGUSR1);
      std::this_thread::yield();
    }
  });
  const MonoTime start = SystemClock().mono();
  io_->wait(start + 20_s);
  ended.store(true);
  sender.join();
  EXPECT_LT(SystemClock().mono() - start, 10_s);
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_P(LoopIoTest, CanBeDestroyedWithReadsInFlight) {
  const FileHandle file = open(scratch_.append("log", std::string(1 << 20, 'x')));
  for (int round = 0; round < 50; ++round) {
    std::vector<std::byte> into(1 << 18);
    io_ = make(4);
    for (uint64_t i = 0; i < 4; ++i) {
      ASSERT_TRUE(io_->submit({i, file, FileOffset(static_cast<int64_t>(i) << 18), into}));
    }
    if (round % 2 == 0) io_->wait(MonoTime(0));
    io_.reset();
  }
}

}  // namespace
}  // namespace sluice

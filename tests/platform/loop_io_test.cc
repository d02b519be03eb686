// SPDX-License-Identifier: Apache-2.0
#include "platform/loop_io.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "loop_io_fixture.h"

namespace sluice {
namespace {

using namespace literals;

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

TEST_P(LoopIoTest, RES_6_RefusesReadsOverItsLimitUntilOneIsReaped) {
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

TEST_P(LoopIoTest, RES_6_AThousandReadsComeBackOnceEach) {
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

TEST_P(LoopIoTest, RES_8_CanBeDestroyedWithReadsInFlight) {
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

// SPDX-License-Identifier: Apache-2.0
// loop_io_fixture.h — one suite for both backends: what holds for the ring holds for pread.
//
// In:      the backend's name as the test parameter.
// Out:     a LoopIo of four reads in flight, a scratch directory, and waiting with a deadline.
// Owns:    the Io and the descriptors that open() made.
// Thread:  the test's.
// Limits:  without io_uring on this machine the ring's half is skipped, with the reason.
// Why so:  "the fallback behaves alike" is a promise, and this is the list of what it means.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platform/io_probe.h"
#include "platform/pread_io.h"
#include "platform/system_clock.h"
#include "platform/uring_io.h"
#include "scratch_directory.h"

namespace sluice {

inline MonoTime in(Duration time) {
  return SystemClock().mono() + time;
}

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
    const MonoTime until = in(Duration(10'000'000'000));
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

}  // namespace sluice

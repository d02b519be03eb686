// SPDX-License-Identifier: Apache-2.0
#include "platform/io_probe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <functional>
#include <string>

#include "platform/system_clock.h"
#include "scratch_directory.h"

namespace sluice {
namespace {

// From here on this process gets `error` from the system call `number`, as in a container whose
// profile forbids it.
bool forbid(long number, int error) {
  std::array<sock_filter, 4> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{program.size(), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Runs `work` in a process of its own and returns what it answered.
std::string in_child(const std::function<std::string()>& work) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string answer = work();
    const bool sent =
        ::write(ends[1], answer.data(), answer.size()) == static_cast<ssize_t>(answer.size());
    ::_exit(sent ? 0 : 1);
  }
  ::close(ends[1]);
  std::string answer;
  std::array<char, 512> piece{};
  for (ssize_t n = 0; (n = ::read(ends[0], piece.data(), piece.size())) > 0;) {
    answer.append(piece.data(), static_cast<size_t>(n));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) answer += " [died]";
  return answer;
}

// What an agent does: probes once, makes an Io, reads a file with it.
std::string backend_and_note(IoBackend wanted, const std::string& path) {
  const UringProbe probe = probe_uring();
  auto choice = make_io(wanted, probe, {});
  if (!choice) return "error: " + choice.error().message();
  LoopIo& io = *choice->io;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::array<std::byte, 16> into{};
  std::array<ReadDone, 1> done;
  if (!io.submit({9, FileHandle{fd}, FileOffset(0), into})) return "not submitted";
  const MonoTime until = SystemClock().mono() + Duration(10'000'000'000);
  while (io.reap(done) == 0 && SystemClock().mono() < until) io.wait(until);
  return std::string(io.backend()) + " read " + std::to_string(done[0].result) + ": " +
         choice->note;
}

class IoProbeTest : public testing::Test {
 protected:
  ScratchDirectory scratch_;
  const std::string path_ = scratch_.append("log", "hello\n");
};

TEST_F(IoProbeTest, TheProbeAgreesWithTheBackendThatAutoChooses) {
  const UringProbe probe = probe_uring();
  const std::string answer = backend_and_note(IoBackend::kAuto, path_);
  EXPECT_EQ(answer.substr(0, 12), probe.usable ? "uring read 6" : "pread read 6");
}

TEST_F(IoProbeTest, PreadIsUsedWithoutANoteWhenItWasAskedFor) {
  EXPECT_EQ(backend_and_note(IoBackend::kPread, path_), "pread read 6: ");
}

TEST_F(IoProbeTest, RES_4_FallsBackWhenSetupIsForbidden) {
  if (!probe_uring().usable) GTEST_SKIP() << "no io_uring on this machine";
  const std::string answer = in_child([&] {
    if (!forbid(SYS_io_uring_setup, EPERM)) return std::string("no seccomp");
    return backend_and_note(IoBackend::kAuto, path_);
  });
  EXPECT_EQ(answer,
            "pread read 6: reading with pread: io_uring_setup: Operation not permitted "
            "(kernel.io_uring_disabled, or the seccomp profile of a container)");
}

TEST_F(IoProbeTest, RES_4_FallsBackWhenTheKernelHasNoRing) {
  if (!probe_uring().usable) GTEST_SKIP() << "no io_uring on this machine";
  const std::string answer = in_child([&] {
    if (!forbid(SYS_io_uring_setup, ENOSYS)) return std::string("no seccomp");
    return backend_and_note(IoBackend::kAuto, path_);
  });
  EXPECT_EQ(answer,
            "pread read 6: reading with pread: io_uring_setup: Function not implemented "
            "(a kernel without io_uring, or a seccomp profile that hides it)");
}

TEST_F(IoProbeTest, RES_5_FallsBackWhenOnlyEnteringTheRingIsForbidden) {
  if (!probe_uring().usable) GTEST_SKIP() << "no io_uring on this machine";
  const std::string answer = in_child([&] {
    if (!forbid(SYS_io_uring_enter, EPERM)) return std::string("no seccomp");
    return backend_and_note(IoBackend::kAuto, path_);
  });
  EXPECT_EQ(answer.substr(0, 46), "pread read 6: reading with pread: io_uring_ent");
}

TEST_F(IoProbeTest, RES_5_FallsBackWhenTheRingBecomesForbiddenAfterTheProbe) {
  if (!probe_uring().usable) GTEST_SKIP() << "no io_uring on this machine";
  const std::string answer = in_child([&] {
    const UringProbe probe = probe_uring();
    if (!forbid(SYS_io_uring_setup, EPERM)) return std::string("no seccomp");
    auto choice = make_io(IoBackend::kAuto, probe, {});
    return choice ? std::string(choice->io->backend()) : choice.error().message();
  });
  EXPECT_EQ(answer, "pread");
}

TEST_F(IoProbeTest, AForbiddenRingThatWasAskedForIsAnError) {
  const std::string answer = in_child([&] {
    if (!forbid(SYS_io_uring_setup, EPERM)) return std::string("no seccomp");
    return backend_and_note(IoBackend::kUring, path_);
  });
  EXPECT_EQ(answer.substr(0, 7), "error: ");
}

TEST_F(IoProbeTest, RES_5_ReadsThroughTheRingWithoutRegistrationWhenThatIsForbidden) {
  if (!probe_uring().usable) GTEST_SKIP() << "no io_uring on this machine";
  const std::string answer = in_child([&] {
    if (!forbid(SYS_io_uring_register, ENOMEM)) return std::string("no seccomp");
    const UringProbe probe = probe_uring();
    if (!probe.usable || probe.registers_buffers) return "unexpected: " + probe.reason;
    std::array<std::byte, 4096> memory{};
    const iovec buffer{memory.data(), memory.size()};
    auto choice = make_io(IoBackend::kAuto, probe, {.buffers = std::span(&buffer, 1)});
    if (!choice) return choice.error().message();
    const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    std::array<ReadDone, 1> done;
    // The caller names its registered buffer as always.
    if (!choice->io->submit({9, FileHandle{fd}, FileOffset(0), memory, 0})) return std::string();
    const MonoTime until = SystemClock().mono() + Duration(10'000'000'000);
    while (choice->io->reap(done) == 0 && SystemClock().mono() < until) choice->io->wait(until);
    return std::string(choice->io->backend()) + " read " + std::to_string(done[0].result) + ": " +
           choice->note;
  });
  EXPECT_EQ(answer, "uring read 6: io_uring without registered buffers: limit of locked memory");
}

}  // namespace
}  // namespace sluice

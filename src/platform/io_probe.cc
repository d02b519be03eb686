// SPDX-License-Identifier: Apache-2.0
#include "platform/io_probe.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "platform/pread_io.h"
#include "platform/system_clock.h"
#include "platform/uring_io.h"

namespace sluice {
namespace {

constexpr std::string_view kText = "sluice probes io_uring";

class OwnedFd {
 public:
  explicit OwnedFd(int fd) : fd_(fd) {}
  ~OwnedFd() {
    if (fd_ >= 0) ::close(fd_);
  }
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

struct CountingListener final : FdListener {
  int calls = 0;
  void on_ready(int /*fd*/, uint32_t /*revents*/) override { ++calls; }
};

Result<void> try_read(UringIo& io, std::span<std::byte> into, MonoTime until) {
  const OwnedFd file(static_cast<int>(::syscall(SYS_memfd_create, "sluice-probe", 1U)));
  if (file.get() < 0) return Error::from_errno("memfd_create");
  if (::pwrite(file.get(), kText.data(), kText.size(), 0) != static_cast<ssize_t>(kText.size())) {
    return Error::from_errno("write to a memfd");
  }
  const int32_t buffer = io.buffers_registered() ? 0 : -1;
  SLUICE_CHECK(io.submit({1, FileHandle{file.get()}, FileOffset(0), into, buffer}),
               "a new ring has room");
  std::array<ReadDone, 1> done;
  size_t count = 0;
  while ((count = io.reap(done)) == 0 && SystemClock().mono() < until) io.wait(until);
  if (count == 0) return Error{Errc::kUnsupported, 0, "io_uring read: no answer within a second"};
  if (done[0].result < 0) return Error::from_errno("io_uring read", -done[0].result);
  const bool same = done[0].result == static_cast<int32_t>(kText.size()) &&
                    std::memcmp(into.data(), kText.data(), kText.size()) == 0;
  if (!same) return Error{Errc::kUnsupported, 0, "io_uring read: other bytes than written"};
  return {};
}

Result<void> try_poll_and_wake(UringIo& io, MonoTime until) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe(ends.data()) != 0) return Error::from_errno("pipe");
  const OwnedFd reader(ends[0]);
  const OwnedFd writer(ends[1]);
  CountingListener listener;
  io.watch(writer.get(), POLLOUT, &listener);
  while (listener.calls == 0 && SystemClock().mono() < until) io.wait(until);
  io.unwatch(writer.get());
  if (listener.calls == 0) return Error{Errc::kUnsupported, 0, "io_uring poll: no event"};
  io.wake();
  io.wait(until);
  if (SystemClock().mono() >= until) return Error{Errc::kUnsupported, 0, "io_uring wake: slept on"};
  return {};
}

}  // namespace

std::string explain_uring_error(const Error& error) {
  std::string text = error.message();
  switch (error.sys_errno) {
    case EPERM:
    case EACCES:
      return text + " (kernel.io_uring_disabled, or the seccomp profile of a container)";
    case ENOSYS:
      return text + " (a kernel without io_uring, or a seccomp profile that hides it)";
    case ENOMEM:
      return text + " (limit of locked memory: ulimit -l, LimitMEMLOCK=)";
    default:
      return text;
  }
}

UringProbe probe_uring() {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  void* memory = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return {false, false, Error::from_errno("mmap").message()};
  const iovec buffer{memory, page};
  UringProbe probe;
  {
    auto io = UringIo::create({.reads_in_flight_max = 1, .buffers = std::span(&buffer, 1)});
    Result<void> outcome;
    const MonoTime until = SystemClock().mono() + Duration(1'000'000'000);
    if (!io) {
      outcome = io.error();
    } else {
      outcome = try_read(**io, {static_cast<std::byte*>(memory), page}, until);
      if (outcome) outcome = try_poll_and_wake(**io, until);
      probe.registers_buffers = (*io)->buffers_registered();
    }
    probe.usable = outcome.ok();
    if (!outcome) {
      probe.reason = explain_uring_error(outcome.error());
    } else if (!probe.registers_buffers) {
      probe.reason = "no registered buffers (limit of locked memory: ulimit -l, LimitMEMLOCK=)";
    }
  }
  ::munmap(memory, page);
  return probe;
}

Result<LoopIoChoice> make_io(IoBackend wanted, const UringProbe& probe,
                             const LoopIoOptions& options) {
  LoopIoChoice choice;
  if (wanted != IoBackend::kPread && probe.usable) {
    auto ring = UringIo::create(options);
    if (ring) {
      const bool registered = options.buffers.empty() || (*ring)->buffers_registered();
      if (!registered) choice.note = "io_uring without registered buffers: limit of locked memory";
      choice.io = std::move(ring).value();
      return choice;
    }
    if (wanted == IoBackend::kUring) return ring.error();
    choice.note = "reading with pread: " + explain_uring_error(ring.error());
  } else if (wanted == IoBackend::kUring) {
    return Error{Errc::kUnsupported, 0, "io_uring does not work here"};
  } else if (wanted == IoBackend::kAuto) {
    choice.note = "reading with pread: " + probe.reason;
  }
  auto direct = PreadIo::create(options);
  if (!direct) return direct.error();
  choice.io = std::move(direct).value();
  return choice;
}

}  // namespace sluice

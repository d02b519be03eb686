// SPDX-License-Identifier: Apache-2.0
#include "platform/instance_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include "platform/state_directory.h"
#include "sluice/crash_point.h"

namespace sluice {

namespace {

constexpr auto kRetryPause = std::chrono::milliseconds(10);

// Takes the lock within `patience`; answers 0 or the errno of the last try.
int lock_within(int fd, Duration patience) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::nanoseconds(patience.value);
  for (;;) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return 0;
    const int err = errno;
    if (err != EWOULDBLOCK && err != EINTR) return err;
    if (std::chrono::steady_clock::now() >= give_up) return err;
    std::this_thread::sleep_for(kRetryPause);
  }
}

// What the holder wrote; empty if it had no time to.
std::string holder_of(int fd) {
  std::array<char, 24> text{};
  const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
  std::string digits;
  for (ssize_t i = 0; i < got && text[static_cast<size_t>(i)] >= '0'; ++i) {
    if (text[static_cast<size_t>(i)] > '9') break;
    digits += text[static_cast<size_t>(i)];
  }
  return digits;
}

// The pid is for people only: failing to write it does not weaken the lock.
void write_pid(int fd) {
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0) return;
  (void)!::pwrite(fd, pid.data(), pid.size(), 0);
}

std::string held_by(const std::string& directory, const std::string& pid) {
  return "another sluice" + (pid.empty() ? std::string() : " (pid " + pid + ")") +
         " uses the state directory " + directory +
         "; stop it, or give this one a directory of its own with --state";
}

}  // namespace

Result<InstanceLock> InstanceLock::acquire(const std::string& directory, Duration patience,
                                           std::string& problem) {
  if (const Result<void> made = make_state_directory(directory, problem); !made) {
    return made.error();
  }
  const std::string path = directory + "/sluice.lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    const Error error = Error::from_errno("open");
    problem = state_problem(path, error);
    return error;
  }
  InstanceLock lock(fd);
  SLUICE_CRASHPOINT("lock.before");
  const int err = lock_within(fd, patience);
  if (err == 0) {
    SLUICE_CRASHPOINT("lock.after");
    write_pid(fd);
    return lock;
  }
  if (err == EWOULDBLOCK) {
    problem = held_by(directory, holder_of(fd));
    return Error{Errc::kBusy, 0, "another sluice uses the state directory"};
  }
  const Error error = Error::from_errno("flock", err);
  problem = state_problem(path, error);
  return error;
}

InstanceLock::InstanceLock(InstanceLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

InstanceLock& InstanceLock::operator=(InstanceLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

InstanceLock::~InstanceLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace sluice

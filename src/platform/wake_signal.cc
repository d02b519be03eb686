// SPDX-License-Identifier: Apache-2.0
#include "platform/wake_signal.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace sluice {

static_assert(std::atomic<uint32_t>::is_always_lock_free, "notify() runs in signal handlers");

WakeSignal::~WakeSignal() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> WakeSignal::open() {
  SLUICE_CHECK(fd_ < 0, "opened once");
  fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd_ < 0) return Error::from_errno("eventfd");
  return {};
}

void WakeSignal::notify() noexcept {
  if (state_.exchange(kNotified) != kAsleep) return;
  const int saved_errno = errno;
  const uint64_t one = 1;
  // Fails only when the counter is full, and then the eventfd is readable already.
  [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);
  errno = saved_errno;
}

bool WakeSignal::prepare_sleep() {
  uint32_t expected = kAwake;
  return state_.compare_exchange_strong(expected, kAsleep);
}

void WakeSignal::on_ready(int fd, uint32_t /*revents*/) {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t taken = ::read(fd, &count, sizeof count);
}

}  // namespace sluice

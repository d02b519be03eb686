// SPDX-License-Identifier: Apache-2.0
#include "platform/pread_io.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "platform/system_clock.h"

namespace sluice {
namespace {

static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR &&
                  EPOLLHUP == POLLHUP,
              "epoll and poll spell events alike");

constexpr int kEventsPerWait = 64;
// While descriptors are left out of the epoll set, a wait lasts no longer.
constexpr Duration kLookAgain{20'000'000};

uint64_t pack(int fd, uint32_t generation) {
  return uint64_t{generation} << 32 | static_cast<uint32_t>(fd);
}

// EAGAIN does not happen to a regular file; for anything else it is the answer.
int32_t read_now(const ReadRequest& request) {
  ssize_t taken = 0;
  do {
    taken =
        ::pread(request.file.value, request.into.data(), request.into.size(), request.offset.value);
  } while (taken < 0 && errno == EINTR);
  return static_cast<int32_t>(taken < 0 ? -errno : taken);
}

}  // namespace

Result<std::unique_ptr<PreadIo>> PreadIo::create(const LoopIoOptions& options) {
  SLUICE_CHECK(options.reads_in_flight_max > 0, "a loop reads something");
  auto io = std::unique_ptr<PreadIo>(new PreadIo(options.reads_in_flight_max));
  io->epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (io->epoll_fd_ < 0) return Error::from_errno("epoll_create1");
  if (auto opened = io->wake_.open(); !opened) return opened.error();
  io->watch(io->wake_.fd(), POLLIN, &io->wake_);
  return io;
}

PreadIo::~PreadIo() {
  if (epoll_fd_ >= 0) ::close(epoll_fd_);
}

bool PreadIo::submit(const ReadRequest& request) {
  SLUICE_CHECK(request.into.size() <= INT32_MAX, "a completion counts in 31 bits");
  if (count_ == reads_max_) return false;
  waiting_[(first_ + count_++) % reads_max_] = request;
  return true;
}

size_t PreadIo::reap(std::span<ReadDone> done) {
  const size_t count = std::min(done.size(), count_);
  for (size_t i = 0; i < count; ++i) {
    done[i] = {waiting_[first_].tag, read_now(waiting_[first_])};
    first_ = (first_ + 1) % reads_max_;
    --count_;
  }
  return count;
}

int PreadIo::epoll_wait_until(epoll_event* events, int events_max, MonoTime until) {
  if (until == kNever) return ::epoll_wait(epoll_fd_, events, events_max, -1);
  const Duration left = std::max(until - SystemClock().mono(), Duration(0));
  const timespec timeout{left.value / 1'000'000'000, left.value % 1'000'000'000};
  const int count = ::epoll_pwait2(epoll_fd_, events, events_max, &timeout, nullptr);
  // Linux before 5.11, and seccomp profiles that were written before it.
  if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
  const int64_t ms = std::min<int64_t>((left.value + 999'999) / 1'000'000, INT32_MAX);
  return ::epoll_wait(epoll_fd_, events, events_max, static_cast<int>(ms));
}

void PreadIo::wait(MonoTime until) {
  const bool may_sleep = count_ == 0 && wake_.prepare_sleep();
  if (!left_out_.empty()) {
    look_at_left_out();
    until = std::min(until, SystemClock().mono() + kLookAgain);
  }
  if (!may_sleep && watches_.size() == 1) return wake_.woke();  // only our own eventfd
  const bool sleeps = may_sleep && !watches_.any_noted();
  std::array<epoll_event, kEventsPerWait> events;
  int count = 0;
  do {
    count = epoll_wait_until(events.data(), kEventsPerWait, sleeps ? until : MonoTime(0));
  } while (count < 0 && errno == EINTR);
  SLUICE_CHECK(count >= 0, "the epoll descriptor is ours");
  wake_.woke();
  for (int i = 0; i < count; ++i) {
    const uint64_t key = events[i].data.u64;
    watches_.note(static_cast<int>(static_cast<uint32_t>(key)), static_cast<uint32_t>(key >> 32),
                  events[i].events);
  }
  watches_.dispatch(nullptr);
}

void PreadIo::watch(int fd, uint32_t poll_events, FdListener* who) {
  const Watch& watch = watches_.set(fd, poll_events, who);
  if (poll_events != 0) return join_set(fd, watch);
  // Out of the set and not in it with nothing wanted: inotify wakes such a waiter all the same.
  epoll_event unused{};
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, &unused);
}

void PreadIo::join_set(int fd, const Watch& watch) {
  epoll_event event{};
  event.events = watch.mask;
  event.data.u64 = pack(fd, watch.generation);
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event) == 0) return;
  if (errno == ENOENT && ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) == 0) return;
  SLUICE_CHECK(errno != EPERM, "a regular file cannot be watched");
  // A descriptor that is not open stays silent, as on the ring, until it is watched again.
  const bool known = std::find(left_out_.begin(), left_out_.end(), fd) != left_out_.end();
  if (errno != EBADF && !known) left_out_.push_back(fd);
}

// fs.epoll.max_user_watches or the kernel's memory is spent. A signal or an answer that is not
// heard of would be worse than a few polls a second.
void PreadIo::look_at_left_out() {
  for (const int fd : std::exchange(left_out_, {})) {
    const Watch* watch = watches_.find(fd);
    if (watch == nullptr || watch->mask == 0) continue;
    join_set(fd, *watch);
    pollfd asked{fd, static_cast<short>(watch->mask), 0};
    if (::poll(&asked, 1, 0) > 0)
      watches_.note(fd, watch->generation, static_cast<uint16_t>(asked.revents));
  }
}

void PreadIo::unwatch(int fd) {
  watches_.erase(fd);
  // Fails when it was never watched, or was closed first: then the kernel has forgotten it.
  epoll_event unused{};
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, &unused);
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "platform/uring_io.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "platform/system_clock.h"

namespace sluice {
namespace {

// Linux 6.15; newer than the headers of liburing 2.3. Without it a sleeping loop is accounted as
// waiting for a disk, and an idle machine shows one core at 100 % iowait.
constexpr unsigned kEnterNoIowait = 1U << 7;
constexpr uint32_t kFeatureNoIowait = 1U << 17;

constexpr unsigned kRoomForEvents = 512;
// A read that the kernel would rather have tried again: handed to its worker threads, then passed
// on as it is.
constexpr uint32_t kAttemptsMax = 4;

enum Kind : uint64_t { kIgnored, kRead, kPoll };
constexpr uint32_t kIdMask = 0xFF'FFFF;

uint64_t name_of(Kind kind, uint32_t id, uint32_t index) {
  return uint64_t{kind} << 56 | uint64_t{id & kIdMask} << 32 | index;
}

unsigned power_of_two_from(size_t least) {
  unsigned size = 1;
  while (size < least) size *= 2;
  return size;
}

bool is_past(MonoTime until) {
  return until != kNever && until <= SystemClock().mono();
}

}  // namespace

UringIo::UringIo(const LoopIoOptions& options)
    : slots_(options.reads_in_flight_max), done_(options.reads_in_flight_max) {
  SLUICE_CHECK(!slots_.empty(), "a loop reads something");
  for (size_t i = slots_.size(); i > 0; --i) free_slots_.push_back(static_cast<uint32_t>(i - 1));
}

Result<std::unique_ptr<UringIo>> UringIo::create(const LoopIoOptions& options) {
  auto io = std::unique_ptr<UringIo>(new UringIo(options));
  if (auto opened = io->open(options); !opened) return opened.error();
  return io;
}

Result<void> UringIo::set_up_ring() {
  // Best first; a kernel that does not know a flag answers EINVAL. TASKRUN_FLAG lets reap() see
  // without a system call whether there is something to fetch.
  constexpr std::array<unsigned, 3> kFlags = {
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
      IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, 0};
  int outcome = 0;
  for (const unsigned flags : kFlags) {
    io_uring_params params{};
    params.flags = flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    params.cq_entries = power_of_two_from(2 * slots_.size() + kRoomForEvents);
    outcome = io_uring_queue_init_params(power_of_two_from(slots_.size() + 64), &ring_, &params);
    if (outcome != -EINVAL) break;
  }
  if (outcome < 0) return Error::from_errno("io_uring_setup", -outcome);
  ring_open_ = true;
  // 5.11. Before, a wait with a deadline needs a timeout entry of its own.
  constexpr uint32_t kNeeded = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_FAST_POLL;
  if ((ring_.features & kNeeded) != kNeeded) {
    return Error{Errc::kUnsupported, 0, "io_uring of a kernel older than 5.11"};
  }
  return {};
}

Result<void> UringIo::open(const LoopIoOptions& options) {
  if (auto ready = set_up_ring(); !ready) return ready;
  if (!options.buffers.empty()) {
    buffers_registered_ =
        io_uring_register_buffers(&ring_, options.buffers.data(),
                                  static_cast<unsigned>(options.buffers.size())) == 0;
  }
  if (auto opened = wake_.open(); !opened) return opened;
  watch(wake_.fd(), POLLIN, &wake_);
  // The first entry into the kernel: a seccomp profile may allow setup and forbid this.
  arm_polls();
  if (const int outcome = hand_over(); outcome < 0) {
    return Error::from_errno("io_uring_enter", -outcome);
  }
  return {};
}

UringIo::~UringIo() {
  if (!ring_open_) return;
  if (in_flight() > 0) cancel_reads();
  io_uring_queue_exit(&ring_);
}

void UringIo::cancel_reads() {
  for (uint32_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].attempts == 0) continue;
    slots_[i].attempts = kAttemptsMax;  // cancelled is cancelled: no further attempt
    io_uring_sqe* sqe = entry();
    io_uring_prep_cancel64(sqe, name_of(kRead, slots_[i].generation, i), 0);
    sqe->user_data = name_of(kIgnored, 0, 0);
  }
  judge(hand_over());
  drain();
  // The kernel may still write into buffers whose owner is about to free them.
  while (in_flight() > 0) {
    judge(sleep(kNever));
    drain();
  }
}

io_uring_sqe* UringIo::entry() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {
    judge(hand_over());
    drain();
    sqe = io_uring_get_sqe(&ring_);
  }
  return sqe;
}

bool UringIo::submit(const ReadRequest& request) {
  SLUICE_CHECK(request.into.size() <= INT32_MAX, "a completion counts in 31 bits");
  if (in_flight() + done_count_ == slots_.size()) return false;
  const uint32_t index = free_slots_.back();
  free_slots_.pop_back();
  slots_[index].request = request;
  slots_[index].generation++;
  slots_[index].attempts = 0;
  prepare_read(index);
  return true;
}

void UringIo::prepare_read(uint32_t slot) {
  io_uring_sqe* sqe = entry();
  Slot& read = slots_[slot];
  const ReadRequest& request = read.request;
  const auto size = static_cast<unsigned>(request.into.size());
  const auto offset = static_cast<uint64_t>(request.offset.value);
  if (request.registered_buffer >= 0 && buffers_registered_) {
    io_uring_prep_read_fixed(sqe, request.file.value, request.into.data(), size, offset,
                             request.registered_buffer);
  } else {
    io_uring_prep_read(sqe, request.file.value, request.into.data(), size, offset);
  }
  if (read.attempts > 0) sqe->flags |= IOSQE_ASYNC;
  sqe->user_data = name_of(kRead, read.generation, slot);
  ++read.attempts;
}

// Hands over what is in the submission ring and fetches what is ready. Never waits.
int UringIo::hand_over() {
  return io_uring_submit_and_get_events(&ring_);
}

// Waits for one completion at least. Everything was handed over before.
int UringIo::sleep(MonoTime until) {
  unsigned flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
  if ((ring_.features & kFeatureNoIowait) != 0) flags |= kEnterNoIowait;
  __kernel_timespec timeout{};
  io_uring_getevents_arg arg{};
  arg.sigmask_sz = _NSIG / 8;
  if (until != kNever) {
    const Duration left = std::max(until - SystemClock().mono(), Duration(0));
    timeout.tv_sec = left.value / 1'000'000'000;
    timeout.tv_nsec = left.value % 1'000'000'000;
    arg.ts = reinterpret_cast<uintptr_t>(&timeout);
  }
  return io_uring_enter2(static_cast<unsigned>(ring_.ring_fd), 0, 1, flags,
                         reinterpret_cast<sigset_t*>(&arg), sizeof arg);
}

// Decides about what io_uring_enter answered. Entries that were not taken stay in the ring for the
// next time.
void UringIo::judge(int outcome) {
  if (outcome >= 0 || outcome == -ETIME || outcome == -EINTR) return;
  const bool short_of_memory = outcome == -EAGAIN || outcome == -ENOMEM || outcome == -EBUSY;
  // EEXIST: used on a thread that did not create it.
  SLUICE_CHECK(short_of_memory, "a ring that worked when it was created goes on working");
  ::poll(nullptr, 0, 1);
}

void UringIo::drain() {
  io_uring_cqe* cqe = nullptr;
  while (io_uring_peek_cqe(&ring_, &cqe) == 0) {
    const uint64_t name = cqe->user_data;
    const int32_t result = cqe->res;
    io_uring_cqe_seen(&ring_, cqe);
    const auto id = static_cast<uint32_t>(name >> 32) & kIdMask;
    const auto index = static_cast<uint32_t>(name);
    if (name >> 56 == kRead) take_read(index, id, result);
    if (name >> 56 == kPoll) take_poll(static_cast<int>(index), id, result);
  }
}

void UringIo::take_read(uint32_t slot, uint32_t generation, int32_t result) {
  SLUICE_CHECK(slot < slots_.size(), "the kernel returns what it was given");
  Slot& read = slots_[slot];
  SLUICE_CHECK((read.generation & kIdMask) == generation && read.attempts > 0,
               "a read completes once");
  if ((result == -EAGAIN || result == -EINTR) && read.attempts < kAttemptsMax) {
    prepare_read(slot);
    return;
  }
  read.attempts = 0;
  free_slots_.push_back(slot);
  done_[(done_first_ + done_count_++) % done_.size()] = {read.request.tag, result};
}

size_t UringIo::reap(std::span<ReadDone> done) {
  if (in_flight() > 0) {
    if (io_uring_sq_ready(&ring_) > 0) judge(hand_over());
    drain();
  }
  const size_t count = std::min(done.size(), done_count_);
  for (size_t i = 0; i < count; ++i) {
    done[i] = done_[done_first_];
    done_first_ = (done_first_ + 1) % done_.size();
    --done_count_;
  }
  return count;
}

void UringIo::wait(MonoTime until) {
  bool announced = false;
  int outcome = 0;
  // A retried read or a poll that was given up ends a sleep too, but is no reason to come back.
  while (outcome != -ETIME) {
    arm_polls();
    if (io_uring_sq_ready(&ring_) > 0) judge(hand_over());
    drain();
    // A sleep of no time costs 16 us of timer and scheduler; what is ready was seen by drain().
    if (something_happened() || is_past(until)) break;
    if (!announced && !wake_.prepare_sleep()) break;
    announced = true;
    outcome = sleep(until);
    judge(outcome);
    drain();
    if (something_happened()) break;
  }
  wake_.woke();
  watches_.dispatch(&to_arm_);
}

void UringIo::watch(int fd, uint32_t poll_events, FdListener* who) {
  Watch& watch = watches_.set(fd, poll_events, who);
  // A wider poll under way is left alone: dispatch filters, and the next one is exact.
  if (poll_events != 0 && (watch.armed_mask | poll_events) == watch.armed_mask) return;
  disarm(watch, fd);
  if (poll_events != 0) to_arm_.push_back(fd);
}

void UringIo::unwatch(int fd) {
  Watch* watch = watches_.find(fd);
  if (watch == nullptr) return;
  // At once and not with the next batch: a poll under way keeps a closed socket open.
  if (watch->armed_mask != 0) {
    disarm(*watch, fd);
    judge(hand_over());
  }
  watches_.erase(fd);
}

void UringIo::disarm(Watch& watch, int fd) {
  if (watch.armed_mask == 0) return;
  watch.armed_mask = 0;
  io_uring_sqe* sqe = entry();
  io_uring_prep_poll_remove(sqe, name_of(kPoll, watch.armed_id, static_cast<uint32_t>(fd)));
  sqe->user_data = name_of(kIgnored, 0, 0);
}

void UringIo::arm_polls() {
  for (const int fd : to_arm_) {
    Watch* watch = watches_.find(fd);
    if (watch == nullptr || watch->mask == 0 || watch->armed_mask != 0) continue;
    io_uring_sqe* sqe = entry();
    watch->armed_mask = watch->mask;
    watch->armed_id = ++last_armed_id_ & kIdMask;
    io_uring_prep_poll_add(sqe, fd, watch->mask);
    sqe->user_data = name_of(kPoll, watch->armed_id, static_cast<uint32_t>(fd));
  }
  to_arm_.clear();
}

void UringIo::take_poll(int fd, uint32_t armed_id, int32_t result) {
  Watch* watch = watches_.find(fd);
  if (watch == nullptr || watch->armed_mask == 0 || watch->armed_id != armed_id) return;
  watch->armed_mask = 0;
  if (result > 0) {
    watches_.note(fd, watch->generation, static_cast<uint32_t>(result));
  } else if (result != -EBADF) {
    to_arm_.push_back(fd);
  }
  // EBADF: closed before it was unwatched. Silent, as with epoll, until it is watched again.
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// pread_io.h — reading with pread and waiting with epoll: the backend that works everywhere.
//
// In:      read requests; they wait in a list until reap(), which reads as many as it may return.
// Out:     the same completions as the ring's, in the order of submission.
// Owns:    an epoll descriptor, an eventfd, the list. Borrows buffers and descriptors.
// Thread:  the loop's; wake() any.
// Limits:  reads_in_flight_max. A read of cold data stops the loop for as long as the disk takes.
// Fails:   create(), when no descriptor is left.
// Why so:  a cached pread costs no more than a ring read (256 KiB at 23 to 30 GB/s against 19 to 23
//          through the ring). Reading in reap() and not in submit() leaves the bytes in the cache
//          of the core that is about to scan them.
#pragma once

#include <memory>
#include <vector>

#include "platform/loop_io.h"
#include "platform/wake_signal.h"
#include "platform/watch_table.h"
#include "sluice/result.h"

struct epoll_event;

namespace sluice {

class PreadIo final : public LoopIo {
 public:
  static Result<std::unique_ptr<PreadIo>> create(const LoopIoOptions& options);
  ~PreadIo() override;

  size_t reads_in_flight_max() const override { return reads_max_; }
  bool submit(const ReadRequest& request) override;
  size_t reap(std::span<ReadDone> done) override;
  void wait(MonoTime until) override;
  void wake() noexcept override { wake_.notify(); }
  const char* backend() const override { return "pread"; }

  void watch(int fd, uint32_t poll_events, FdListener* who) override;
  void unwatch(int fd) override;

 private:
  explicit PreadIo(size_t reads_max) : reads_max_(reads_max), waiting_(reads_max) {}
  void join_set(int fd, const Watch& watch);
  void look_at_left_out();
  int epoll_wait_until(epoll_event* events, int events_max, MonoTime until);

  const size_t reads_max_;
  int epoll_fd_ = -1;
  WakeSignal wake_;
  WatchTable watches_;
  // The kernel had no room for them in the epoll set: asked one by one until it has.
  std::vector<int> left_out_;
  // A ring of reads_max_ places; the oldest request is at `first_`.
  std::vector<ReadRequest> waiting_;
  size_t first_ = 0;
  size_t count_ = 0;
};

}  // namespace sluice

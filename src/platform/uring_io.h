// SPDX-License-Identifier: Apache-2.0
// uring_io.h — reading and waiting through one io_uring.
//
// In:      read requests, watched descriptors; each becomes an entry of the submission ring, and
//          one system call hands over all that were made since the last.
// Out:     completions. `user_data` is kind, generation and slot: an answer to something that was
//          given up since is recognised and dropped.
// Owns:    the ring, an eventfd, a slot per read in flight. Borrows buffers and descriptors.
// Thread:  created, used and destroyed on one thread (SINGLE_ISSUER binds the ring to its creator);
//          wake() on any. The destructor cancels reads in flight and waits for the kernel to let go
//          of their buffers: as long as the disk takes.
// Limits:  reads_in_flight_max. The completion ring has room for twice that and 512 events more;
//          beyond, the kernel keeps completions itself (NODROP, required) and none is lost.
// Fails:   create(): old kernel, seccomp, sysctl, memory. Registration of buffers may fail alone
//          (RLIMIT_MEMLOCK): reads then go without, and buffers_registered() is false.
// Why so:  descriptors are polled one-shot and armed again before each sleep. That is level-
//          triggered by nature; a multishot poll would report edges and need its own bookkeeping.
#pragma once

#include <liburing.h>

#include <memory>
#include <vector>

#include "platform/loop_io.h"
#include "platform/wake_signal.h"
#include "platform/watch_table.h"
#include "sluice/result.h"

namespace sluice {

class UringIo final : public LoopIo {
 public:
  static Result<std::unique_ptr<UringIo>> create(const LoopIoOptions& options);
  ~UringIo() override;

  bool buffers_registered() const { return buffers_registered_; }

  size_t reads_in_flight_max() const override { return slots_.size(); }
  bool submit(const ReadRequest& request) override;
  size_t reap(std::span<ReadDone> done) override;
  void wait(MonoTime until) override;
  void wake() noexcept override { wake_.notify(); }
  const char* backend() const override { return "uring"; }

  void watch(int fd, uint32_t poll_events, FdListener* who) override;
  void unwatch(int fd) override;

 private:
  struct Slot {
    ReadRequest request;
    uint32_t generation = 0;
    uint32_t attempts = 0;  // 0: free
  };

  explicit UringIo(const LoopIoOptions& options);
  Result<void> open(const LoopIoOptions& options);
  Result<void> set_up_ring();

  // Filling the submission ring.
  io_uring_sqe* entry();
  void prepare_read(uint32_t slot);
  void cancel_reads();
  void arm_polls();
  void disarm(Watch& watch, int fd);

  // Talking to the kernel.
  int hand_over();
  int sleep(MonoTime until);
  void judge(int outcome);
  size_t in_flight() const { return slots_.size() - free_slots_.size(); }
  bool something_happened() const { return done_count_ > 0 || watches_.any_noted(); }

  // Taking completions.
  void drain();
  void take_read(uint32_t slot, uint32_t generation, int32_t result);
  void take_poll(int fd, uint32_t armed_id, int32_t result);

  io_uring ring_{};
  bool ring_open_ = false;
  bool buffers_registered_ = false;

  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
  // Completions not yet reaped: a ring of slots_.size() places.
  std::vector<ReadDone> done_;
  size_t done_first_ = 0;
  size_t done_count_ = 0;

  WakeSignal wake_;
  WatchTable watches_;
  std::vector<int> to_arm_;  // descriptors whose poll is not under way; may name gone ones
  uint32_t last_armed_id_ = 0;
};

}  // namespace sluice

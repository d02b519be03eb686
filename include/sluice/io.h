// SPDX-License-Identifier: Apache-2.0
// io.h — the seam to reading: submit reads, reap completions, and the one place where a loop waits.
//
// In:      read requests with explicit offsets into buffers that the caller keeps alive until the
//          completion with the same tag has been reaped, whatever happens to the file meanwhile.
// Out:     completions in any order: bytes read (0 at the end of the file) or minus errno.
// Owns:    its ring or its completion list. Borrows buffers and descriptors.
// Thread:  one loop; only wake() (of Waker) may be called from any thread.
// Limits:  reads_in_flight_max() at once. submit() answers false when full: reap, then try again.
//          Short reads are passed on as they are; EINTR and EAGAIN are retried inside.
// Why so:  io_uring is often forbidden (container profiles, kernel.io_uring_disabled). The ring's
//          worth is one wait point and no stall on cold data, not fewer cycles, so pread does the
//          same job.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sluice/disk.h"
#include "sluice/result.h"
#include "sluice/units.h"
#include "sluice/waker.h"

namespace sluice {

struct ReadRequest {
  uint64_t tag =
      0;  // comes back in ReadDone; the caller never has two reads with one tag in flight
  FileHandle file;
  FileOffset offset;
  std::span<std::byte> into;
  int32_t registered_buffer =
      -1;  // index given at registration of the memory around `into`; -1: none
};

struct ReadDone {
  uint64_t tag = 0;
  int32_t result = 0;  // bytes read, or -errno
};

class Io : public Waker {
 public:
  virtual size_t reads_in_flight_max() const = 0;
  virtual bool submit(const ReadRequest& request) = 0;
  // Takes completions that are there now; never waits. Returns how many of `done` were filled.
  virtual size_t reap(std::span<ReadDone> done) = 0;
  // As Disk::next_data. Asked only when a read began with a run of NUL bytes.
  virtual Result<FileOffset> next_data(FileHandle file, FileOffset from) = 0;
  // Sleeps until a completion, a wake, an event on a descriptor that belongs to this loop, or
  // `until`. Returns at once if any of these already happened.
  virtual void wait(MonoTime until) = 0;
  // "uring" or "pread", for the log and the metric.
  virtual const char* backend() const = 0;
};

}  // namespace sluice

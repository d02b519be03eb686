// SPDX-License-Identifier: Apache-2.0
// loop_io.h — what a loop gets: reading and waiting (Io) and other people's descriptors (FdPoller).
//
// In:      how many reads may be in flight, and the memory that reads may be registered for.
// Out:     one object with both faces, made by make_io() of io_probe.h.
// Owns:    see the two backends, uring_io.h and pread_io.h.
// Thread:  constructed, used and destroyed on the loop's own thread; only wake() may be called from
//          any thread, as long as the object lives.
// Limits:  reads_in_flight_max; descriptors as many as the process may open.
// Why so:  the shell sees Io only, the transport sees FdPoller only, and the composition, which
//          knows both, holds one thing and not a pair that could be mixed up.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

#include "platform/fd_poller.h"
#include "sluice/io.h"

namespace sluice {

struct LoopIoOptions {
  // Raising it reads more files at once when they are cold; each read needs a buffer of its own, so
  // more than the shard has buffers is never used.
  size_t reads_in_flight_max = 64;
  // Memory to register with the ring, borrowed until the object is gone; the position in this list
  // is ReadRequest::registered_buffer. Empty: no registration. Ignored by pread.
  std::span<const iovec> buffers;
};

class LoopIo : public Io, public FdPoller {
 public:
  Result<FileOffset> next_data(FileHandle file, FileOffset from) override;
};

}  // namespace sluice

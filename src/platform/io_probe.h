// SPDX-License-Identifier: Apache-2.0
// io_probe.h — finds out whether io_uring works here, and makes the Io of a loop.
//
// In:      what the user asked for (auto, uring, pread) and the loop's needs.
// Out:     an Io, and a sentence for the log when it is not what one would expect.
// Owns:    nothing.
// Thread:  make_io() on the thread of the loop that will use it. probe_uring() on any.
// Limits:  a probe takes well under a millisecond and at most one second.
// Fails:   `uring` that does not work is an error; `auto` falls back to pread and says why; pread
//          fails only when no descriptor is left.
// Why so:  that a ring can be made says little: container profiles forbid single calls, and limits
//          on locked memory forbid single features. So the probe does what a shard does: it reads a
//          file into registered memory, polls a descriptor, and is woken.
#pragma once

#include <memory>
#include <string>

#include "platform/loop_io.h"
#include "sluice/config.h"
#include "sluice/result.h"

namespace sluice {

struct UringProbe {
  bool usable = false;
  bool registers_buffers = false;
  std::string reason;  // for people: why not usable, or what is missing; empty if all works
};

UringProbe probe_uring();

// The sentence for an error of UringIo::create(), with the likely remedy.
std::string explain_uring_error(const Error& error);

struct LoopIoChoice {
  std::unique_ptr<LoopIo> io;
  std::string note;  // what to say once at start; empty: all as expected
};

// `probe` is made once per process and given to every loop.
Result<LoopIoChoice> make_io(IoBackend wanted, const UringProbe& probe,
                             const LoopIoOptions& options);

}  // namespace sluice

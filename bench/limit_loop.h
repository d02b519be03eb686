// SPDX-License-Identifier: Apache-2.0
// limit_loop.h — the least that one core must do for a line: read, cut, encode, compress.
//
// In:      a file, a codec, the bytes of a body, how long to run.
// Out:     raw bytes and CPU time of this thread, from which the limit follows.
// Owns:    one block, its index, one body; nothing else that an agent has: no queue, no
//          acknowledgement, no checkpoint, no network.
// Thread:  one; pin it with taskset.
// Limits:  the file must hold whole lines, each shorter than a block.
// Fails:   with the failed system call.
// Why so:  the agent is measured as a ratio to this loop in the same minute on the same core, which
//          cancels the machine. It uses the agent's own kernels: what is left is the agent's
//          overhead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/result.h"

namespace sluice {

struct LimitOptions {
  std::string file;
  std::string codec;              // one of limit_codecs()
  size_t body_bytes = 512 << 10;  // before compression
  double seconds = 3;             // of CPU time
};

struct LimitFigures {
  uint64_t raw_bytes = 0;
  uint64_t lines = 0;
  uint64_t bodies = 0;
  uint64_t encoded_bytes = 0;
  uint64_t wire_bytes = 0;
  double cpu_seconds = 0;
  double wall_seconds = 0;

  double raw_mb_per_cpu_second() const {
    return static_cast<double>(raw_bytes) / 1e6 / cpu_seconds;
  }
};

// What this build can run. `read` stops after reading, `scan` after the line index, `none` after
// encoding: the first stages alone.
std::vector<std::string> limit_codecs();

Result<LimitFigures> run_limit(const LimitOptions& options);

}  // namespace sluice

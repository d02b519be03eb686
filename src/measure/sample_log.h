// SPDX-License-Identifier: Apache-2.0
// sample_log.h — the log that is measured: generated lines, or the user's own again and again.
//
// In:      a shape of generated lines or a file to take lines from; how many bytes, in how many
//          files of a directory.
// Out:     files of whole lines, freshly written and so in the page cache.
// Owns:    nothing after the call; the directory is the caller's.
// Thread:  one; blocks on the disk.
// Limits:  of the user's file the first 64 MiB; they are repeated until there is enough. A codec
//          sees a repetition only if it comes within its window (32 KiB of gzip, 512 KiB of zstd at
//          level 1), so a small sample flatters.
// Fails:   with a sentence for people: no whole line, no room, not readable.
// Why so:  how fast a codec is and how small its bodies are depends on the lines more than on
//          anything else, so the operator should be able to measure his own. They never leave this
//          machine but to the destination that he names.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "receive/line_shapes.h"

namespace sluice {

struct SampleWish {
  std::string file;  // empty: generated lines
  LineShape shape = LineShape::kNginx;
  uint64_t bytes = 0;
  uint32_t files = 1;
  std::string directory;
};

struct SampleLog {
  std::vector<std::string> paths;
  uint64_t bytes = 0;
  double line_bytes = 0;  // on average, newline included
  std::string what;       // for people: "generated nginx lines"
  std::string warning;    // for people; empty: none
};

std::variant<SampleLog, std::string> write_sample_log(const SampleWish& wish);

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// scratch.h — the seam to room of our own on disk: files without a name, for bytes that lie packed
// in an archive and must be read like any others.
//
// In:      bytes at offsets that only grow.
// Out:     a handle that is read through Io and Disk and closed through Disk, as a log file's is.
// Owns:    nothing: a handle belongs to whoever asked for it; what is behind it goes with it, also
//          when the agent is killed.
// Thread:  the steward's.
// Limits:  who writes bounds how far he is ahead of who reads; the room before that is given back.
// Fails:   per call, with the errno (no space); the caller keeps its bytes and tries again.
// Why so:  apart from Disk, so that the seam to log files keeps no call that could change one.
#pragma once

#include <cstddef>
#include <span>

#include "sluice/disk.h"
#include "sluice/result.h"
#include "sluice/units.h"

namespace sluice {

class Scratch {
 public:
  virtual ~Scratch() = default;

  virtual Result<FileHandle> make() = 0;
  // All of the bytes or an error. What was never written before them is a hole.
  virtual Result<void> write_at(FileHandle file, FileOffset offset,
                                std::span<const std::byte> bytes) = 0;
  // Nobody will read what lies in [begin, end) again. Where the file system cannot give such room
  // back, it stays until the file is closed.
  virtual void give_back(FileHandle file, FileOffset begin, FileOffset end) = 0;
};

}  // namespace sluice

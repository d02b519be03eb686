// SPDX-License-Identifier: Apache-2.0
// sim_scratch.h — files without a name on the simulated disk, in which the agent unpacks archives.
//
// In:      what the steward writes.
// Out:     descriptors of the same table as all others, so that leaks and double closes are found.
// Owns:    nothing; the disk keeps the files.
// Why so:  the decoders are the real ones: archives of the simulated world are gzip and zstd.
#pragma once

#include "sim_disk.h"
#include "sluice/scratch.h"

namespace sluice::sim {

class SimScratch final : public Scratch {
 public:
  explicit SimScratch(SimDisk& disk) : disk_(disk) {}

  Result<FileHandle> make() override { return disk_.open_scratch(); }
  Result<void> write_at(FileHandle file, FileOffset offset,
                        std::span<const std::byte> bytes) override {
    return disk_.write_scratch(file, offset, bytes);
  }
  void give_back(FileHandle file, FileOffset begin, FileOffset end) override {
    disk_.punch_scratch(file, begin, end);
  }

 private:
  SimDisk& disk_;
};

}  // namespace sluice::sim

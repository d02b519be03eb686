// SPDX-License-Identifier: Apache-2.0
// scratch_files.h — files without a name in the state directory.
//
// In:      the state directory, which exists.
// Out:     handles, as scratch.h promises.
// Owns:    nothing but the path. The kernel frees a file's room with its last descriptor.
// Thread:  the steward's.
// Limits:  none of its own; who writes bounds what lies there.
// Fails:   per call, with the errno.
// Why so:  O_TMPFILE leaves nothing behind when the agent is killed. Where the file system has none
//          of it, a file is made under a name that is removed at once.
#pragma once

#include <string>

#include "sluice/scratch.h"

namespace sluice {

class ScratchFiles final : public Scratch {
 public:
  explicit ScratchFiles(std::string directory) : directory_(std::move(directory)) {}

  Result<FileHandle> make() override;
  Result<void> write_at(FileHandle file, FileOffset offset,
                        std::span<const std::byte> bytes) override;
  void give_back(FileHandle file, FileOffset begin, FileOffset end) override;

 private:
  const std::string directory_;
};

}  // namespace sluice

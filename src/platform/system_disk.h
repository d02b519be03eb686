// SPDX-License-Identifier: Apache-2.0
// system_disk.h — names and descriptors of the machine's file systems.
//
// In:      absolute paths, descriptors.
// Out:     facts and handles, as disk.h promises.
// Owns:    nothing; a handle belongs to whoever opened it.
// Thread:  any; the steward's by convention. No state.
// Limits:  a network file system that hangs, hangs the caller: no kernel offers a way out of stat.
// Fails:   per call, with the errno; a symbolic link that is not followed with ELOOP
// (linked_path.h). Why so:  every open is O_NONBLOCK, so that a FIFO or a device cannot stop the
// steward. From a
//          regular file the flag is taken off again: a ring refuses to wait for such a file on file
//          systems without non-blocking reads, and answers EAGAIN for ever.
#pragma once

#include "sluice/config.h"
#include "sluice/disk.h"

namespace sluice {

class SystemDisk final : public Disk {
 public:
  // Which symbolic links open() goes through; the other calls only look, and go through all.
  explicit SystemDisk(FollowLinks follow = FollowLinks::kTrusted) : follow_(follow) {}

  Result<void> list(const std::string& directory, std::vector<DirectoryEntry>& entries) override;
  Result<FileStat> stat(const std::string& path) override;
  Result<FileStat> stat(FileHandle file) override;
  Result<FileHandle> open(const std::string& path) override;
  Result<size_t> read_at(FileHandle file, FileOffset offset, std::span<std::byte> into) override;
  Result<FileOffset> next_data(FileHandle file, FileOffset from) override;
  void close(FileHandle file) override;
  Result<std::string> resolve(const std::string& path) override;

 private:
  const FollowLinks follow_;
};

}  // namespace sluice

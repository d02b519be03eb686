// SPDX-License-Identifier: Apache-2.0
// spool_files.h — SpoolDisk on a file system: the segments of one destination.
//
// In:      bytes at the end of a segment, notes, removals.
// Out:     bytes; segments and notes that survive what SpoolDisk says they survive.
// Owns:    at most two descriptors: the segment that is written, the one that is read.
// Thread:  one; calls wait for the disk.
// Limits:  files 0600 in a directory 0700, made when the first segment is.
// Fails:   with the errno. A segment that was unlinked by somebody while it is written fails its
//          next append: what goes there would be gone with the process.
// Why so:  plain writes and syncs: one of each is under way, on a thread that does nothing else.
#pragma once

#include <string>
#include <string_view>

#include "sluice/spool.h"

namespace sluice {

// Below the state directory.
inline constexpr std::string_view kSpoolDirectory = "spool";
inline constexpr std::string_view kSegmentEnding = ".seg";

class SpoolFiles final : public SpoolDisk {
 public:
  SpoolFiles(std::string directory, std::string destination);
  ~SpoolFiles() override;
  SpoolFiles(const SpoolFiles&) = delete;
  SpoolFiles& operator=(const SpoolFiles&) = delete;

  Result<std::vector<SpoolFile>> list() override;
  Result<void> create(uint32_t number, std::span<const std::byte> bytes) override;
  Result<void> append(uint32_t number, uint64_t size, std::span<const std::byte> bytes) override;
  Result<size_t> read(uint32_t number, uint64_t offset, std::span<std::byte> into) override;
  void cut(uint32_t number, uint64_t size) override;
  Result<void> note(uint32_t number, std::span<const std::byte> bytes, bool durable) override;
  Result<std::vector<std::byte>> notes(uint32_t number) override;
  Result<void> remove(uint32_t number) override;
  Result<void> set_aside(uint32_t number) override;

  std::string path_of(uint32_t number) const;

 private:
  struct Open {
    int fd = -1;
    uint32_t number = 0;
  };
  void leave(Open& open);
  void leave_all(uint32_t number);
  Result<void> write(std::span<const std::byte> bytes, uint64_t at);

  const std::string directory_;
  const std::string destination_;
  Open written_;
  Open read_;
};

}  // namespace sluice

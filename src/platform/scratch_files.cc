// SPDX-License-Identifier: Apache-2.0
#include "platform/scratch_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "sluice/check.h"

namespace sluice {

Result<FileHandle> ScratchFiles::make() {
  int fd = ::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return FileHandle{fd};
  const bool unknown = errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT;
  if (!unknown) return Error::from_errno("scratch file");
  std::string name = directory_ + "/unpacked-XXXXXX";
  fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return Error::from_errno("scratch file");
  ::unlink(name.c_str());
  return FileHandle{fd};
}

Result<void> ScratchFiles::write_at(FileHandle file, FileOffset offset,
                                    std::span<const std::byte> bytes) {
  SLUICE_CHECK(file.valid(), "an open file");
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(file.value, bytes.data(), bytes.size(), offset.value);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error::from_errno("write scratch file");
    if (written == 0) return Error::from_errno("write scratch file", ENOSPC);
    bytes = bytes.subspan(static_cast<size_t>(written));
    offset += Bytes(written);
  }
  return {};
}

void ScratchFiles::give_back(FileHandle file, FileOffset begin, FileOffset end) {
  SLUICE_CHECK(file.valid(), "an open file");
  if (end <= begin) return;
  // Refused by file systems without holes: then the room stays until the file is closed.
  (void)::fallocate(file.value, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, begin.value,
                    (end - begin).value);
}

}  // namespace sluice

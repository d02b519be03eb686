// SPDX-License-Identifier: Apache-2.0
#include "platform/seek_data.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "platform/loop_io.h"
#include "sluice/check.h"

namespace sluice {

Result<FileOffset> seek_data(FileHandle file, FileOffset from) {
  SLUICE_CHECK(file.valid(), "an open file");
  const off_t found = ::lseek(file.value, from.value, SEEK_DATA);
  if (found >= 0) return FileOffset(found);
  if (errno == EINVAL) return from;  // a file system that knows no holes
  if (errno != ENXIO) return Error::from_errno("seek to data");
  struct ::stat facts {};
  if (::fstat(file.value, &facts) != 0) return Error::from_errno("stat");
  return FileOffset(facts.st_size);
}

Result<FileOffset> LoopIo::next_data(FileHandle file, FileOffset from) {
  return seek_data(file, from);
}

}  // namespace sluice

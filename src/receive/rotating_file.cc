// SPDX-License-Identifier: Apache-2.0
#include "receive/rotating_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice {

Result<void> RotatingFile::open() {
  fd_ = Descriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!fd_.is_open()) return Error::from_errno("open");
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) return Error::from_errno("fstat");
  bytes_ = static_cast<uint64_t>(status.st_size);
  return {};
}

Result<void> RotatingFile::append(std::string_view bytes) {
  if (auto wrote = write_whole(fd_.get(), bytes); !wrote.ok()) return wrote;
  bytes_ += bytes.size();
  return {};
}

Result<void> RotatingFile::rotate(const std::function<Result<void>()>& between) {
  if (rotation_ == Rotation::kNone) return {};
  if (auto shifted = shift_rotated(); !shifted.ok()) return shifted;
  ++rotations_;
  if (rotation_ == Rotation::kRename) {
    if (::rename(path_.c_str(), rotated_path(1).c_str()) != 0) return Error::from_errno("rename");
    return open();
  }
  if (auto copied = copy_to(rotated_path(1)); !copied.ok()) return copied;
  if (between) {
    if (auto ran = between(); !ran.ok()) return ran;
  }
  if (::ftruncate(fd_.get(), 0) != 0) return Error::from_errno("ftruncate");
  bytes_ = 0;
  return {};
}

Result<void> RotatingFile::shift_rotated() {
  uint32_t oldest = 0;
  while (::access(rotated_path(oldest + 1).c_str(), F_OK) == 0) ++oldest;
  for (; oldest > 0; --oldest) {
    const std::string from = rotated_path(oldest);
    if (keep_ != 0 && oldest >= keep_) {
      if (::unlink(from.c_str()) != 0) return Error::from_errno("unlink");
    } else if (::rename(from.c_str(), rotated_path(oldest + 1).c_str()) != 0) {
      return Error::from_errno("rename");
    }
  }
  return {};
}

Result<void> RotatingFile::copy_to(const std::string& target) {
  const Descriptor to(::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!to.is_open()) return Error::from_errno("open copy");
  char block[64 << 10];
  for (off_t at = 0;;) {
    const ssize_t got = ::pread(fd_.get(), block, sizeof block, at);
    if (got == 0) return {};
    if (got < 0) {
      if (errno == EINTR) continue;
      return Error::from_errno("pread");
    }
    if (auto wrote = write_whole(to.get(), {block, static_cast<size_t>(got)}); !wrote.ok()) {
      return wrote;
    }
    at += got;
  }
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "platform/system_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "platform/linked_path.h"
#include "platform/seek_data.h"
#include "sluice/check.h"

namespace sluice {
namespace {

FileKind kind_of_mode(uint32_t mode) {
  if (S_ISREG(mode)) return FileKind::kRegular;
  if (S_ISDIR(mode)) return FileKind::kDirectory;
  if (S_ISLNK(mode)) return FileKind::kSymlink;
  return FileKind::kOther;
}

int64_t nanoseconds(int64_t seconds, int64_t rest) {
  return seconds * 1'000'000'000 + rest;
}

// The same facts without the time of birth.
Result<FileStat> stat_without_birth(int fd, const char* path, int flags) {
  struct ::stat found {};
  if (::fstatat(fd, path, &found, flags) != 0) return Error::from_errno("stat");
  FileStat facts;
  facts.kind = kind_of_mode(found.st_mode);
  facts.device = found.st_dev;
  facts.inode = found.st_ino;
  facts.links = static_cast<uint32_t>(found.st_nlink);
  facts.size = Bytes(found.st_size);
  facts.modified = WallTime(nanoseconds(found.st_mtim.tv_sec, found.st_mtim.tv_nsec));
  return facts;
}

Result<FileStat> stat_at(int fd, const char* path, int flags) {
  struct ::statx found {};
  if (::statx(fd, path, flags, STATX_BASIC_STATS | STATX_BTIME, &found) != 0) {
    // Seccomp profiles older than statx forbid it.
    if (errno == ENOSYS || errno == EPERM) return stat_without_birth(fd, path, flags);
    return Error::from_errno("stat");
  }
  FileStat facts;
  facts.kind = kind_of_mode(found.stx_mode);
  facts.device = ::makedev(found.stx_dev_major, found.stx_dev_minor);
  facts.inode = found.stx_ino;
  if ((found.stx_mask & STATX_BTIME) != 0) {
    facts.birth_ns = nanoseconds(found.stx_btime.tv_sec, found.stx_btime.tv_nsec);
  }
  facts.links = found.stx_nlink;
  facts.size = Bytes(static_cast<int64_t>(found.stx_size));
  facts.modified = WallTime(nanoseconds(found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec));
  return facts;
}

FileKind kind_of_entry(int directory, const dirent& entry) {
  switch (entry.d_type) {
    case DT_REG:
      return FileKind::kRegular;
    case DT_DIR:
      return FileKind::kDirectory;
    case DT_LNK:
      return FileKind::kSymlink;
    case DT_UNKNOWN: {  // the file system does not say
      auto facts = stat_at(directory, static_cast<const char*>(entry.d_name), AT_SYMLINK_NOFOLLOW);
      return facts ? facts->kind : FileKind::kOther;
    }
    default:
      return FileKind::kOther;
  }
}

bool is_dot_or_dots(std::string_view name) {
  return name == "." || name == "..";
}

}  // namespace

Result<void> SystemDisk::list(const std::string& directory, std::vector<DirectoryEntry>& entries) {
  entries.clear();
  const int fd =
      ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return Error::from_errno("open directory");
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd), ::closedir);
  if (stream == nullptr) {
    const Error error = Error::from_errno("open directory");
    ::close(fd);
    return error;
  }
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const auto* name = static_cast<const char*>(entry->d_name);
    if (!is_dot_or_dots(name)) entries.push_back({name, kind_of_entry(fd, *entry)});
  }
  if (errno != 0) return Error::from_errno("read directory");
  return {};
}

Result<FileStat> SystemDisk::stat(const std::string& path) {
  return stat_at(AT_FDCWD, path.c_str(), 0);
}

Result<FileStat> SystemDisk::stat(FileHandle file) {
  SLUICE_CHECK(file.valid(), "an open file");
  return stat_at(file.value, "", AT_EMPTY_PATH);
}

Result<FileHandle> SystemDisk::open(const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  const Result<int> opened = open_linked(path, kFlags | O_NOATIME, follow_);
  if (!opened) return opened.error();
  const int fd = *opened;
  struct ::stat found {};
  if (::fstat(fd, &found) != 0) {
    const Error error = Error::from_errno("stat");
    ::close(fd);
    return error;
  }
  if (S_ISDIR(found.st_mode)) {
    ::close(fd);
    return Error{Errc::kInvalid, EISDIR, "open"};
  }
  if (S_ISREG(found.st_mode)) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags >= 0) ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  }
  return FileHandle{fd};
}

Result<size_t> SystemDisk::read_at(FileHandle file, FileOffset offset, std::span<std::byte> into) {
  SLUICE_CHECK(file.valid(), "an open file");
  ssize_t taken = 0;
  do {
    taken = ::pread(file.value, into.data(), into.size(), offset.value);
  } while (taken < 0 && errno == EINTR);
  if (taken < 0) return Error::from_errno("read");
  return static_cast<size_t>(taken);
}

Result<FileOffset> SystemDisk::next_data(FileHandle file, FileOffset from) {
  return seek_data(file, from);
}

void SystemDisk::close(FileHandle file) {
  SLUICE_CHECK(file.valid(), "closed once");
  ::close(file.value);
}

Result<std::string> SystemDisk::resolve(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> found(::realpath(path.c_str(), nullptr), ::free);
  if (found == nullptr) return Error::from_errno("resolve");
  return std::string(found.get());
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "platform/spool_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "platform/destination_file.h"
#include "platform/state_directory.h"

namespace sluice {
namespace {

constexpr int kDigits = 8;
constexpr std::string_view kNotesEnding = ".done";
constexpr std::string_view kAsideEnding = ".damaged";

Result<size_t> read_all(int fd, uint64_t offset, std::span<std::byte> into) {
  size_t got = 0;
  while (got < into.size()) {
    const ssize_t bytes =
        ::pread(fd, into.data() + got, into.size() - got, static_cast<off_t>(offset + got));
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return Error::from_errno("read spool");
    if (bytes == 0) break;
    got += static_cast<size_t>(bytes);
  }
  return got;
}

}  // namespace

SpoolFiles::SpoolFiles(std::string directory, std::string destination)
    : directory_(std::move(directory)), destination_(std::move(destination)) {}

SpoolFiles::~SpoolFiles() {
  leave(written_);
  leave(read_);
}

void SpoolFiles::leave(Open& open) {
  if (open.fd >= 0) ::close(std::exchange(open.fd, -1));
}

void SpoolFiles::leave_all(uint32_t number) {
  for (Open* open : {&written_, &read_}) {
    if (open->number == number) leave(*open);
  }
}

std::string SpoolFiles::path_of(uint32_t number) const {
  return directory_ + "/" + destination_file_name(destination_, number, kDigits, kSegmentEnding);
}

Result<std::vector<SpoolFile>> SpoolFiles::list() {
  std::vector<SpoolFile> files;
  DIR* const directory = ::opendir(directory_.c_str());
  if (directory == nullptr && errno == ENOENT) return files;
  if (directory == nullptr) return Error::from_errno("open spool");
  while (const dirent* entry = ::readdir(directory)) {
    const uint32_t number = destination_file_number(entry->d_name, destination_, kSegmentEnding);
    struct stat found {};
    if (number == 0 || ::fstatat(::dirfd(directory), entry->d_name, &found, 0) != 0) continue;
    files.push_back({number, static_cast<uint64_t>(found.st_size)});
  }
  ::closedir(directory);
  std::sort(files.begin(), files.end(),
            [](const SpoolFile& a, const SpoolFile& b) { return a.number < b.number; });
  return files;
}

Result<void> SpoolFiles::write(std::span<const std::byte> bytes, uint64_t at) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::pwrite(written_.fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return Error::from_errno("write spool");
    at += static_cast<uint64_t>(wrote);
    bytes = bytes.subspan(static_cast<size_t>(wrote));
  }
  if (::fdatasync(written_.fd) != 0) return Error::from_errno("fsync spool");
  struct stat now {};
  if (::fstat(written_.fd, &now) != 0) return Error::from_errno("stat spool");
  if (now.st_nlink == 0) return Error{Errc::kNotFound, ENOENT, "spool segment was removed"};
  return {};
}

Result<void> SpoolFiles::create(uint32_t number, std::span<const std::byte> bytes) {
  leave(written_);
  std::string problem;
  Result<void> made = make_state_directory(directory_, problem);
  if (!made) return made;
  const int fd =
      ::open(path_of(number).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return Error::from_errno("create spool segment");
  written_ = {fd, number};
  // Notes that a crash left behind speak of a segment of long ago.
  ::unlink((path_of(number) + std::string(kNotesEnding)).c_str());
  Result<void> done = write(bytes, 0);
  if (done) done = sync_directory(directory_);
  if (!done) leave(written_);
  return done;
}

Result<void> SpoolFiles::append(uint32_t number, uint64_t size, std::span<const std::byte> bytes) {
  if (written_.fd < 0 || written_.number != number)
    return Error{Errc::kInvalid, 0, "spool segment is not open"};
  Result<void> done = write(bytes, size);
  if (!done) leave(written_);
  return done;
}

Result<size_t> SpoolFiles::read(uint32_t number, uint64_t offset, std::span<std::byte> into) {
  if (read_.fd < 0 || read_.number != number) {
    leave(read_);
    const int fd = ::open(path_of(number).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return Error::from_errno("open spool segment");
    read_ = {fd, number};
  }
  return read_all(read_.fd, offset, into);
}

void SpoolFiles::cut(uint32_t number, uint64_t size) {
  leave_all(number);
  // The end that counts is known without this; it only gives room back.
  if (::truncate(path_of(number).c_str(), static_cast<off_t>(size)) != 0) return;
}

Result<void> SpoolFiles::note(uint32_t number, std::span<const std::byte> bytes, bool durable) {
  const std::string path = path_of(number) + std::string(kNotesEnding);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return Error::from_errno("note delivered");
  const bool good = ::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) &&
                    (!durable || ::fdatasync(fd) == 0);
  const int err = errno;
  ::close(fd);
  if (!good) return Error::from_errno("note delivered", err);
  return durable ? sync_directory(directory_) : Result<void>();
}

Result<std::vector<std::byte>> SpoolFiles::notes(uint32_t number) {
  std::vector<std::byte> bytes;
  const std::string path = path_of(number) + std::string(kNotesEnding);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0 && errno == ENOENT) return bytes;
  if (fd < 0) return Error::from_errno("read notes of the spool");
  struct stat found {};
  if (::fstat(fd, &found) == 0) bytes.resize(static_cast<size_t>(found.st_size));
  const Result<size_t> got = read_all(fd, 0, bytes);
  ::close(fd);
  if (!got) return got.error();
  bytes.resize(*got);
  return bytes;
}

// The notes last: a crash between the two leaves notes about nothing, and their sequences never
// come again.
Result<void> SpoolFiles::remove(uint32_t number) {
  leave_all(number);
  const std::string path = path_of(number);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return Error::from_errno("remove spool segment");
  ::unlink((path + std::string(kNotesEnding)).c_str());
  return {};
}

Result<void> SpoolFiles::set_aside(uint32_t number) {
  leave_all(number);
  const std::string path = path_of(number);
  if (::rename(path.c_str(), (path + std::string(kAsideEnding)).c_str()) != 0)
    return Error::from_errno("set spool segment aside");
  ::unlink((path + std::string(kNotesEnding)).c_str());
  return {};
}

}  // namespace sluice

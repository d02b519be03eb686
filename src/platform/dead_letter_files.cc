// SPDX-License-Identifier: Apache-2.0
#include "platform/dead_letter_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "platform/dead_letter_text.h"
#include "platform/state_directory.h"

namespace sluice {

DeadLetterFiles::DeadLetterFiles(std::string directory, std::string destination, Bytes bytes_max)
    : directory_(std::move(directory)),
      destination_(std::move(destination)),
      bytes_max_(bytes_max) {}

DeadLetterFiles::~DeadLetterFiles() {
  leave_file();
}

void DeadLetterFiles::leave_file() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

// Looked at for every letter: `sluice dlq` and people take files away while the agent runs.
Result<DeadLetterFiles::Present> DeadLetterFiles::look() const {
  Present present;
  DIR* const directory = ::opendir(directory_.c_str());
  if (directory == nullptr) return Error::from_errno("open dead letters");
  while (const dirent* entry = ::readdir(directory)) {
    const uint32_t number = dead_letter_file_number(entry->d_name, destination_);
    struct stat found {};
    if (number == 0 || ::fstatat(::dirfd(directory), entry->d_name, &found, 0) != 0) continue;
    present.newest = std::max(present.newest, number);
    present.bytes += Bytes(found.st_size);
  }
  ::closedir(directory);
  return present;
}

Result<void> DeadLetterFiles::append(std::string_view line) {
  if (fd_ < 0) {
    std::string problem;
    const Result<void> made = make_state_directory(directory_, problem);
    if (!made) return made;
  }
  const Result<Present> present = look();
  if (!present) return present.error();
  const Bytes more(static_cast<int64_t>(line.size()));
  if (present->bytes + more > bytes_max_)
    return Error{Errc::kExhausted, 0, "dead-letter-max is reached"};
  if (fd_ >= 0 && written_ + more > kFileBytesMax) leave_file();
  if (fd_ < 0) {
    const Result<void> begun = begin_file(present->newest + 1);
    if (!begun) return begun;
  }
  const Result<void> written = write(line);
  if (!written) leave_file();
  return written;
}

Result<void> DeadLetterFiles::begin_file(uint32_t number) {
  const std::string path = directory_ + "/" + dead_letter_file_name(destination_, number);
  const int fd =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return Error::from_errno("create dead letters");
  const Result<void> named = sync_directory(directory_);
  if (!named) {
    ::close(fd);
    return named;
  }
  fd_ = fd;
  written_ = Bytes(0);
  return {};
}

Result<void> DeadLetterFiles::write(std::string_view line) {
  while (!line.empty()) {
    const ssize_t bytes = ::write(fd_, line.data(), line.size());
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) return Error::from_errno("write dead letter");
    written_ += Bytes(bytes);
    line.remove_prefix(static_cast<size_t>(bytes));
  }
  if (::fdatasync(fd_) != 0) return Error::from_errno("fsync dead letter");
  return {};
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "receive/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Descriptor::~Descriptor() {
  close();
}

void Descriptor::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<void> write_whole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0) {
      if (errno == EINTR) continue;
      return Error::from_errno("write");
    }
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  return {};
}

Result<std::string> read_whole_file(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return Error::from_errno("open");
  std::string bytes;
  char block[64 << 10];
  for (;;) {
    const ssize_t got = ::read(fd.get(), block, sizeof block);
    if (got == 0) return bytes;
    if (got < 0) {
      if (errno == EINTR) continue;
      return Error::from_errno("read");
    }
    bytes.append(block, static_cast<size_t>(got));
  }
}

Result<void> replace_file(const std::string& path, std::string_view bytes) {
  const std::string fresh = path + ".new";
  {
    const Descriptor fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!fd.is_open()) return Error::from_errno("open");
    if (auto wrote = write_whole(fd.get(), bytes); !wrote.ok()) return wrote;
    if (::fsync(fd.get()) != 0) return Error::from_errno("fsync");
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return Error::from_errno("rename");
  return sync_directory_entries(parent_directory(path));
}

Result<void> make_directories(const std::string& path) {
  for (size_t at = 1; at <= path.size(); ++at) {
    if (at != path.size() && path[at] != '/') continue;
    const std::string prefix = path.substr(0, at);
    if (::mkdir(prefix.c_str(), 0755) != 0 && errno != EEXIST) return Error::from_errno("mkdir");
  }
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return Error::from_errno("stat");
  if (!S_ISDIR(status.st_mode)) return Error::from_errno("mkdir", ENOTDIR);
  return {};
}

Result<void> sync_directory_entries(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open()) return Error::from_errno("open directory");
  if (::fsync(fd.get()) != 0) return Error::from_errno("fsync directory");
  return {};
}

std::string parent_directory(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace sluice

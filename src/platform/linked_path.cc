// SPDX-License-Identifier: Apache-2.0
#include "platform/linked_path.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {
namespace {

constexpr int kLinksMax = 40;
// A part that is a link when it is opened and none when it is examined is being exchanged.
constexpr int kExchangesMax = 20;

Error untrusted() {
  return Error{Errc::kDenied, ELOOP, "symbolic link of somebody else"};
}

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

// Only the owner of a file and root may leave its access time alone.
Fd open_at(int directory, const char* name, int flags) {
  Fd fd(::openat(directory, name, flags));
  if (!fd.valid() && errno == EPERM && (flags & O_NOATIME) != 0)
    return Fd(::openat(directory, name, flags & ~O_NOATIME));
  return fd;
}

// The kernel's own way to say whether there is a link at all; nothing: it cannot tell.
std::optional<Result<int>> open_without_links(const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags);
  how.resolve = RESOLVE_NO_SYMLINKS;
  long fd = ::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how);
  if (fd < 0 && errno == EPERM) {
    how.flags = static_cast<uint64_t>(flags & ~O_NOATIME);
    fd = ::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how);
  }
  if (fd >= 0) return Result<int>(static_cast<int>(fd));
  // Kernels before 5.6, and filters of system calls that were written before it.
  if (errno == ELOOP || errno == ENOSYS || errno == EPERM) return std::nullopt;
  return Result<int>(Error::from_errno("open"));
}

// Links of /proc are made by the kernel and lead where no path does.
bool is_of_proc(int fd) {
  struct statfs found {};
  return ::fstatfs(fd, &found) == 0 && found.f_type == PROC_SUPER_MAGIC;
}

class Walk {
 public:
  Walk(int flags, FollowLinks follow) : flags_(flags), follow_(follow) {}

  Result<int> open(const std::string& path) {
    push(path);
    at_ = Fd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!at_.valid()) return Error::from_errno("open /");
    while (!parts_.empty()) {
      const Part part = std::move(parts_.back());
      parts_.pop_back();
      const Result<void> gone = part.name.empty() ? check_owner(part.owner) : go(part.name);
      if (!gone) return gone.error();
    }
    // A path that ends as a directory, or with an owner to check: the last part was not opened.
    if (!opened_.valid()) return Error{Errc::kInvalid, EISDIR, "open"};
    return opened_.release();
  }

 private:
  struct Part {
    std::string name;  // empty: what was reached must belong to `owner`
    uid_t owner = 0;
  };

  // The parts of a path, to be gone through next.
  void push(std::string_view path) {
    while (!path.empty()) {
      const size_t slash = path.find_last_of('/');
      const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
      if (!name.empty() && name != ".") parts_.push_back({std::string(name), 0});
      if (slash == std::string_view::npos) break;
      path = path.substr(0, slash);
    }
  }

  bool is_last() const {
    for (const Part& part : parts_) {
      if (!part.name.empty()) return false;
    }
    return true;
  }

  Result<void> check_owner(uid_t owner) const {
    struct stat found {};
    const int fd = opened_.valid() ? opened_.get() : at_.get();
    if (::fstat(fd, &found) != 0) return Error::from_errno("stat");
    if (found.st_uid != owner) return untrusted();
    return {};
  }

  Result<void> go(const std::string& name) {
    const bool last = is_last();
    const int flags = last ? flags_ : O_PATH | O_CLOEXEC;
    for (int tries = 0; tries < kExchangesMax; ++tries) {
      // With O_PATH the link itself is opened where there is one.
      Fd next = open_at(at_.get(), name.c_str(), flags | O_NOFOLLOW);
      if (!next.valid() && errno != ELOOP) return Error::from_errno("open");
      if (next.valid() && last) {
        opened_ = std::move(next);
        return {};
      }
      if (!next.valid())
        next = Fd(::openat(at_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
      if (!next.valid()) return Error::from_errno("open");
      struct stat found {};
      if (::fstat(next.get(), &found) != 0) return Error::from_errno("stat");
      if (S_ISLNK(found.st_mode)) return follow(name, next, found, flags);
      if (last) continue;  // it is no link any more
      at_ = std::move(next);
      return {};
    }
    return Error{Errc::kSystem, ELOOP, "open"};
  }

  Result<void> follow(const std::string& name, const Fd& link, const struct stat& found,
                      int flags) {
    if (follow_ == FollowLinks::kNone) return untrusted();
    if (++links_ > kLinksMax) return Error{Errc::kSystem, ELOOP, "open"};
    const bool last = (flags & O_PATH) == 0;
    if (is_of_proc(link.get())) {
      Fd next = open_at(at_.get(), name.c_str(), flags);
      if (!next.valid()) return Error::from_errno("open");
      (last ? opened_ : at_) = std::move(next);
      return {};
    }
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlinkat(link.get(), "", target.data(), target.size());
    if (length < 0) return Error::from_errno("read link");
    const bool trusted = found.st_uid == 0 || found.st_uid == ::geteuid();
    if (!trusted && follow_ == FollowLinks::kTrusted) parts_.push_back({{}, found.st_uid});
    const std::string_view path(target.data(), static_cast<size_t>(length));
    if (path.starts_with('/')) {
      at_ = Fd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
      if (!at_.valid()) return Error::from_errno("open /");
    }
    push(path);
    return {};
  }

  const int flags_;
  const FollowLinks follow_;
  Fd at_;      // the directory that was reached
  Fd opened_;  // the end of the path
  int links_ = 0;
  std::vector<Part> parts_;  // still to go, the next one last
};

}  // namespace

Result<int> open_linked(const std::string& path, int flags, FollowLinks follow) {
  if (follow == FollowLinks::kAll) {
    Fd fd = open_at(AT_FDCWD, path.c_str(), flags);
    if (!fd.valid()) return Error::from_errno("open");
    return fd.release();
  }
  if (const auto opened = open_without_links(path, flags)) return *opened;
  return Walk(flags, follow).open(path);
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "platform/inotify_feed.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

#include "sluice/check.h"

namespace sluice {
namespace {

constexpr uint32_t kEvents = IN_ONLYDIR | IN_MODIFY | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO |
                             IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr uint32_t kDirectoryGone = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED;
constexpr size_t kReadBytes = size_t{64} << 10;
constexpr int kReadsPerPoll = 16;

// 64 bits of hash instead of the name: two names that collide lose one hint, until the next
// reconcile.
uint64_t key_of_name(int descriptor, std::string_view name) {
  return std::hash<std::string_view>{}(name) ^
         uint64_t { static_cast<uint32_t>(descriptor) } * 0x9E37'79B9'7F4A'7C15ULL;
}

DirectoryChange::Step step_of(uint32_t mask) {
  using Step = DirectoryChange::Step;
  if ((mask & IN_ISDIR) != 0) return Step::kSomehow;
  if ((mask & IN_CREATE) != 0) return Step::kMade;
  if ((mask & IN_MOVED_FROM) != 0) return Step::kLeft;
  if ((mask & IN_MOVED_TO) != 0) return Step::kCame;
  return (mask & IN_DELETE) != 0 ? Step::kDeleted : Step::kSomehow;
}

}  // namespace

Result<std::unique_ptr<InotifyFeed>> InotifyFeed::create() {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) return Error::from_errno("inotify_init1");
  return std::unique_ptr<InotifyFeed>(new InotifyFeed(fd));
}

InotifyFeed::~InotifyFeed() {
  ::close(fd_);
}

Result<void> InotifyFeed::watch(const std::string& directory) {
  const int descriptor = ::inotify_add_watch(fd_, directory.c_str(), kEvents);
  if (descriptor < 0) return Error::from_errno("inotify_add_watch");
  const auto [at, is_new] = descriptors_.try_emplace(directory, descriptor);
  if (!is_new) {
    if (at->second == descriptor) return {};
    // The name refers to another directory now.
    detach(directory, std::exchange(at->second, descriptor));
  }
  directories_[descriptor].push_back(directory);
  return {};
}

void InotifyFeed::unwatch(const std::string& directory) {
  const auto at = descriptors_.find(directory);
  if (at == descriptors_.end()) return;
  const int descriptor = at->second;
  descriptors_.erase(at);
  detach(directory, descriptor);
}

// One name less for a watch; the last one takes the watch with it.
void InotifyFeed::detach(const std::string& directory, int descriptor) {
  const auto at = directories_.find(descriptor);
  if (at == directories_.end()) return;
  std::erase(at->second, directory);
  if (!at->second.empty()) return;
  directories_.erase(at);
  // Fails when the directory is gone: then the kernel has removed it already.
  ::inotify_rm_watch(fd_, descriptor);
}

void InotifyFeed::forget(int descriptor) {
  const auto at = directories_.find(descriptor);
  if (at == directories_.end()) return;
  for (const std::string& directory : at->second) descriptors_.erase(directory);
  directories_.erase(at);
  ::inotify_rm_watch(fd_, descriptor);
}

bool InotifyFeed::poll(std::vector<DirectoryChange>& changes) {
  reported_.clear();
  bool lost = false;
  alignas(inotify_event) std::array<char, kReadBytes> bytes;
  for (int round = 0; round < kReadsPerPoll; ++round) {
    const ssize_t taken = ::read(fd_, bytes.data(), bytes.size());
    if (taken < 0 && errno == EINTR) continue;
    if (taken <= 0) break;
    for (size_t at = 0; at < static_cast<size_t>(taken);) {
      inotify_event event;
      std::memcpy(&event, bytes.data() + at, sizeof event);
      // The name is padded with NULs to event.len.
      const char* name = bytes.data() + at + sizeof event;
      at += sizeof event + event.len;
      SLUICE_CHECK(at <= static_cast<size_t>(taken), "the kernel writes whole events");
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        lost = true;
      } else {
        take(event, {name, ::strnlen(name, event.len)}, changes);
      }
    }
  }
  return lost;
}

void InotifyFeed::take(const inotify_event& event, std::string_view name,
                       std::vector<DirectoryChange>& changes) {
  // An event of a watch that was given up since it happened has no directory any more.
  if ((event.mask & kDirectoryGone) != 0) {
    report(event, {}, changes);
    forget(event.wd);
    return;
  }
  report(event, name, changes);
}

// Writes are told once, and so is the end of a directory. Of names every step is told: only their
// order tells where a file went that nobody has seen yet.
void InotifyFeed::report(const inotify_event& event, std::string_view name,
                         std::vector<DirectoryChange>& changes) {
  const auto at = directories_.find(event.wd);
  if (at == directories_.end()) return;
  const bool content = (event.mask & IN_MODIFY) != 0;
  const bool once = content || name.empty();
  if (once && !reported_.insert(key_of_name(event.wd, name)).second) return;
  for (const std::string& directory : at->second) {
    DirectoryChange& change = changes.emplace_back();
    change.directory = directory;
    change.name = name;
    change.content = content;
    if (once) continue;
    change.step = step_of(event.mask);
    change.rename = event.cookie;
  }
}

}  // namespace sluice

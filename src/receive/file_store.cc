// SPDX-License-Identifier: Apache-2.0
#include "receive/file_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <set>

namespace sluice {
namespace {

constexpr size_t kOpenFilesMax = 512;
constexpr size_t kNameBytesMax = 200;
constexpr size_t kPendingBytesKept = 1u << 20;

bool stays(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

// Cuts what a killed receiver left of a line; such a line was never answered for.
Result<uint64_t> cut_torn_line(int fd, uint64_t bytes) {
  constexpr uint64_t kBlock = 4096;
  char block[kBlock];
  uint64_t end = bytes;
  while (end > 0) {
    const uint64_t begin = end > kBlock ? end - kBlock : 0;
    const ssize_t got = ::pread(fd, block, end - begin, static_cast<off_t>(begin));
    if (got != static_cast<ssize_t>(end - begin)) return Error::from_errno("pread");
    const std::string_view view(block, static_cast<size_t>(got));
    const size_t newline = view.rfind('\n');
    if (newline != std::string_view::npos) {
      end = begin + newline + 1;
      break;
    }
    end = begin;
  }
  if (end != bytes && ::ftruncate(fd, static_cast<off_t>(end)) != 0) {
    return Error::from_errno("ftruncate");
  }
  return end;
}

}  // namespace

std::string safe_file_name(std::string_view name) {
  std::string safe;
  for (const char c : name) {
    if (c == '/') {
      safe.push_back('~');
    } else if (stays(c) && !(c == '.' && safe.empty())) {
      safe.push_back(c);
    } else {
      fmt::format_to(std::back_inserter(safe), "%{:02X}", static_cast<uint8_t>(c));
    }
  }
  if (safe.empty()) return "%";
  if (safe.size() > kNameBytesMax) {
    safe.resize(kNameBytesMax);
    fmt::format_to(std::back_inserter(safe), "%{:016x}", XXH3_64bits(name.data(), name.size()));
  }
  return safe;
}

Result<void> FileStore::open() {
  return make_directories(directory_);
}

Result<void> FileStore::append(std::span<const Record> records) {
  std::vector<File*> touched;
  File* file = nullptr;
  std::string_view host, path;
  for (const Record& record : records) {
    if (file == nullptr || record.host != host || record.path != path) {
      auto found = file_of(record.host, record.path);
      if (!found.ok()) {
        for (File* other : touched) other->pending.clear();
        return found.error();
      }
      file = *found;
      host = record.host;
      path = record.path;
      if (file->pending.empty()) touched.push_back(file);
    }
    file->pending.append(record.line);
    file->pending.push_back('\n');
  }
  return write_pending(touched);
}

Result<void> FileStore::write_pending(const std::vector<File*>& touched) {
  Result<void> outcome;
  size_t written = 0;
  for (; written < touched.size() && outcome.ok(); ++written) {
    File* const file = touched[written];
    outcome = file->is_dead ? Error{Errc::kSystem, EIO, "write after a failed fsync"}
                            : write_whole(file->fd.get(), file->pending);
  }
  for (size_t i = 0; i < touched.size(); ++i) {
    File* const file = touched[i];
    if (outcome.ok()) {
      file->bytes += file->pending.size();
      file->is_unsynced = true;
    } else if (i < written && !file->is_dead &&
               ::ftruncate(file->fd.get(), static_cast<off_t>(file->bytes)) != 0) {
      file->is_dead = true;  // it holds a part of a refused request that cannot be taken back
    }
    file->pending.clear();
    if (file->pending.capacity() > kPendingBytesKept) file->pending.shrink_to_fit();
  }
  return outcome;
}

Result<FileStore::File*> FileStore::file_of(std::string_view host, std::string_view path) {
  name_.assign(host).push_back('\0');
  name_.append(path);
  if (const auto found = by_name_.find(name_); found != by_name_.end()) {
    files_.splice(files_.begin(), files_, found->second);
    return &files_.front();
  }
  if (auto room = make_room(); !room.ok()) return room.error();
  File file;
  file.path = directory_ + "/" + safe_file_name(host) + "/" + safe_file_name(path);
  if (auto opened = open_file(host, &file); !opened.ok()) return opened.error();
  files_.push_front(std::move(file));
  by_name_[name_] = files_.begin();
  return &files_.front();
}

Result<void> FileStore::open_file(std::string_view host, File* file) {
  const std::string directory = directory_ + "/" + safe_file_name(host);
  if (::mkdir(directory.c_str(), 0755) == 0) {
    unsynced_directories_.push_back(directory_);
  } else if (errno != EEXIST) {
    return Error::from_errno("mkdir");
  }
  const bool is_new = ::access(file->path.c_str(), F_OK) != 0;
  file->fd = Descriptor(::open(file->path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file->fd.is_open()) return Error::from_errno("open");
  if (is_new) unsynced_directories_.push_back(directory);
  struct stat status {};
  if (::fstat(file->fd.get(), &status) != 0) return Error::from_errno("fstat");
  auto bytes = cut_torn_line(file->fd.get(), static_cast<uint64_t>(status.st_size));
  if (!bytes.ok()) return bytes.error();
  file->bytes = *bytes;
  return {};
}

// Closes the least recently used file that owes nothing to anybody.
Result<void> FileStore::make_room() {
  if (files_.size() < kOpenFilesMax) return {};
  for (auto it = files_.end(); it != files_.begin();) {
    --it;
    if (!it->pending.empty() || it->is_dead) continue;
    if (durable_ && it->is_unsynced && ::fdatasync(it->fd.get()) != 0) {
      it->is_dead = true;
      return Error::from_errno("fdatasync");
    }
    std::erase_if(by_name_, [&](const auto& entry) { return entry.second == it; });
    files_.erase(it);
    return {};
  }
  return {};  // all are in use by this request: go over the limit rather than refuse it
}

Result<void> FileStore::sync() {
  Result<void> outcome;
  for (File& file : files_) {
    if (!file.is_unsynced) continue;
    file.is_unsynced = false;
    if (::fdatasync(file.fd.get()) == 0) continue;
    file.is_dead = true;
    outcome = Error::from_errno("fdatasync");
  }
  std::sort(unsynced_directories_.begin(), unsynced_directories_.end());
  const auto unique = std::unique(unsynced_directories_.begin(), unsynced_directories_.end());
  unsynced_directories_.erase(unique, unsynced_directories_.end());
  for (const std::string& directory : unsynced_directories_) {
    if (auto synced = sync_directory_entries(directory); !synced.ok()) outcome = synced;
  }
  unsynced_directories_.clear();
  return outcome;
}

}  // namespace sluice

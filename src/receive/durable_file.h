// SPDX-License-Identifier: Apache-2.0
// durable_file.h — the few file operations of receiver and generator, each complete or failed.
//
// In:      paths, descriptors, bytes.
// Out:     whole writes (short writes and EINTR are continued), whole reads, files replaced in one
//          step, directories made with their parents and, when asked, synced.
// Owns:    Descriptor owns one descriptor.
// Thread:  any; no state.
// Fails:   Error with errno and the name of the operation.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "sluice/result.h"

namespace sluice {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  void close();

 private:
  int fd_ = -1;
};

Result<void> write_whole(int fd, std::string_view bytes);
Result<std::string> read_whole_file(const std::string& path);

// Writes `path`.new, syncs it, renames it over `path` and syncs the directory.
Result<void> replace_file(const std::string& path, std::string_view bytes);

Result<void> make_directories(const std::string& path);
Result<void> sync_directory_entries(const std::string& path);
std::string parent_directory(const std::string& path);

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// rotating_file.h — a log file that grows and is rotated as logrotate would do it.
//
// In:      bytes to append; the order to rotate.
// Out:     FILE, FILE.1 (newest) to FILE.N. By rename: FILE becomes FILE.1, a new FILE is created.
//          By copytruncate: FILE is copied to FILE.1 and truncated to nothing.
// Owns:    the descriptor of FILE (append mode, as loggers use it).
// Thread:  one.
// Limits:  keep = 0 keeps all rotated files; otherwise the oldest beyond `keep` is deleted, read or
//          not. What lies between copy and truncate is lost by nature: `between` runs there.
// Fails:   Error with the operation; the file stays usable.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "receive/durable_file.h"
#include "sluice/result.h"

namespace sluice {

enum class Rotation : uint8_t { kNone, kRename, kCopyTruncate };

class RotatingFile {
 public:
  RotatingFile(std::string path, Rotation rotation, uint32_t keep)
      : path_(std::move(path)), rotation_(rotation), keep_(keep) {}

  Result<void> open();
  Result<void> append(std::string_view bytes);

  // `between` is called after the copy and before the truncate; only with copytruncate.
  Result<void> rotate(const std::function<Result<void>()>& between = {});

  const std::string& path() const { return path_; }
  uint64_t bytes() const { return bytes_; }  // in FILE now
  uint32_t rotations() const { return rotations_; }

 private:
  std::string rotated_path(uint32_t age) const { return path_ + "." + std::to_string(age); }
  Result<void> shift_rotated();
  Result<void> copy_to(const std::string& target);

  const std::string path_;
  const Rotation rotation_;
  const uint32_t keep_;
  Descriptor fd_;
  uint64_t bytes_ = 0;
  uint32_t rotations_ = 0;
};

}  // namespace sluice

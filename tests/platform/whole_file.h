// SPDX-License-Identifier: Apache-2.0
// whole_file.h — the content of a file as one string, for tests that damage or compare it.
//
// In:      a path; bytes.
// Out:     all bytes of the file, or a file with exactly these bytes. A missing file reads empty.
// Owns:    nothing.
// Thread:  the test's.
// Limits:  files that fit into memory.
// Why so:  a test of damage is about bytes, not about streams.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

namespace sluice {

inline std::string read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

inline void write_whole(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// glob_fuzz.cc — any bytes as a pattern, and as a path.
//
// In:      bytes from libFuzzer: a pattern, a zero, a path.
// Out:     nothing, or an abort: a pattern without wildcards matches itself alone; what matches is
//          below a root and may be reached through the directories above it; no pattern takes long.
// Why so:  a pattern that matches slowly or goes round in circles stops the discovery of all files.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "flow/discover/glob.h"
#include "sluice/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  const std::string all(data, data + size);
  const size_t zero = all.find('\0');
  if (zero == std::string::npos) return 0;
  const std::string pattern = all.substr(0, zero);
  const std::string path = all.substr(zero + 1, 4096);
  const auto glob = Glob::compile(pattern);
  if (!glob.ok()) return 0;
  const bool matches = glob->matches(path);
  const bool plain = pattern.find_first_of("*?[]{}\\") == std::string::npos;
  const bool tidy = path.starts_with('/') && pattern.starts_with('/') &&
                    pattern.find("//") == std::string::npos && !pattern.ends_with('/') &&
                    path.find("//") == std::string::npos && !path.ends_with('/');
  if (plain && tidy) SLUICE_CHECK(matches == (path == pattern), "plain text matches itself alone");
  if (!matches || !tidy) return 0;
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string_view directory = std::string_view(path).substr(0, slash);
    bool above_root = false;
    for (const std::string& root : glob->roots()) {
      above_root = above_root || (root.size() > directory.size() && root.starts_with(directory));
    }
    SLUICE_CHECK(above_root || glob->descends(directory), "what matches can be reached");
  }
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "receive/key_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace sluice {
namespace {

constexpr char kHeadBytes[16] = "sluice-keys v1\n";  // and its terminating zero
constexpr std::string_view kHead(kHeadBytes, sizeof kHeadBytes);
constexpr size_t kKeyBytes = 16;
constexpr size_t kRewriteKeysMin = 4096;  // a small file is not worth replacing

void append_key(KeyHash key, std::string* text) {
  char bytes[kKeyBytes];
  std::memcpy(bytes, &key.low, 8);
  std::memcpy(bytes + 8, &key.high, 8);
  text->append(bytes, kKeyBytes);
}

}  // namespace

Result<void> KeyLog::open(KeyWindow* window) {
  if (::access(path_.c_str(), F_OK) != 0) return rewrite(*window);
  auto content = read_whole_file(path_);
  if (!content.ok()) return content.error();
  std::string_view rest = *content;
  if (!rest.starts_with(kHead)) return Error{Errc::kUnsupported, 0, "unknown key file"};
  rest.remove_prefix(kHead.size());
  keys_ = rest.size() / kKeyBytes;
  for (size_t i = 0; i < keys_; ++i) {
    KeyHash key;
    std::memcpy(&key.low, rest.data() + i * kKeyBytes, 8);
    std::memcpy(&key.high, rest.data() + i * kKeyBytes + 8, 8);
    window->insert(key);
  }
  fd_ = Descriptor(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!fd_.is_open()) return Error::from_errno("open");
  const auto whole = static_cast<off_t>(kHead.size() + keys_ * kKeyBytes);
  if (::ftruncate(fd_.get(), whole) != 0) return Error::from_errno("ftruncate");
  return {};
}

Result<void> KeyLog::append(KeyHash key, const KeyWindow& window) {
  if (keys_ >= std::max(2 * window.size(), kRewriteKeysMin)) return rewrite(window);
  std::string record;
  append_key(key, &record);
  if (auto wrote = write_whole(fd_.get(), record); !wrote.ok()) return wrote;
  ++keys_;
  return {};
}

Result<void> KeyLog::sync() {
  if (::fdatasync(fd_.get()) != 0) return Error::from_errno("fdatasync");
  return {};
}

Result<void> KeyLog::rewrite(const KeyWindow& window) {
  std::string content(kHead);
  for (const KeyHash& key : window.oldest_first()) append_key(key, &content);
  if (auto replaced = replace_file(path_, content); !replaced.ok()) return replaced;
  keys_ = window.size();
  fd_ = Descriptor(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (!fd_.is_open()) return Error::from_errno("open");
  return {};
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// key_window.h — the last N idempotency keys, to recognise a request that was already stored.
//
// In:      keys, as the client wrote them.
// Out:     whether a key is known.
// Owns:    a 128-bit hash per key (XXH3), at most `keys_max`, oldest forgotten first.
// Thread:  one.
// Limits:  a client that repeats a request after `keys_max` others is not recognised: 1,000,000
//          keys of 256 KiB of raw lines are 260 GB. A false match needs 2^64 keys.
// Why so:  pure; KeyLog beside it gives it a life after a restart.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string_view>
#include <unordered_set>

namespace sluice {

struct KeyHash {
  uint64_t low = 0, high = 0;
  bool operator==(const KeyHash&) const = default;
};
KeyHash hash_key(std::string_view key);

class KeyWindow {
 public:
  explicit KeyWindow(size_t keys_max) : keys_max_(keys_max) {}

  bool contains(KeyHash key) const { return known_.contains(key); }
  void insert(KeyHash key);
  void remove(KeyHash key);

  size_t size() const { return known_.size(); }
  const std::deque<KeyHash>& oldest_first() const { return order_; }

 private:
  struct Fold {
    size_t operator()(const KeyHash& key) const { return key.low; }
  };

  const size_t keys_max_;
  std::unordered_set<KeyHash, Fold> known_;
  std::deque<KeyHash> order_;
};

}  // namespace sluice

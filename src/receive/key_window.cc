// SPDX-License-Identifier: Apache-2.0
#include "receive/key_window.h"

#include <xxhash.h>

#include <algorithm>

namespace sluice {

KeyHash hash_key(std::string_view key) {
  const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
  return KeyHash{hash.low64, hash.high64};
}

void KeyWindow::insert(KeyHash key) {
  if (!known_.insert(key).second) return;
  order_.push_back(key);
  if (order_.size() > keys_max_) {
    known_.erase(order_.front());
    order_.pop_front();
  }
}

void KeyWindow::remove(KeyHash key) {
  if (known_.erase(key) == 0) return;
  // Only the newest keys are ever taken back (their request failed), so search from the end.
  const auto found = std::find(order_.rbegin(), order_.rend(), key);
  if (found != order_.rend()) order_.erase(std::next(found).base());
}

}  // namespace sluice

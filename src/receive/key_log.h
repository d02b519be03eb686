// SPDX-License-Identifier: Apache-2.0
// key_log.h — the key window on disk, so that a restarted receiver still knows what it has stored.
//
// In:      keys of stored requests, in order.
// Out:     the same keys after a restart. Form:    16 bytes "sluice-keys v1\n\0", then 16 bytes per
//          key (low, high, little endian). A last record that is not whole is cut off; another
//          first line is refused.
// Owns:    the file DIR/.idempotency-keys, open for append.
// Thread:  one.
// Limits:  when it holds more than twice the window it is replaced by the window alone. Order:
//          lines are written (and synced) before their key. A kill between the two leaves stored
//          lines whose key is not known: one request may then be stored twice, never lost.
#pragma once

#include <string>

#include "receive/durable_file.h"
#include "receive/key_window.h"
#include "sluice/result.h"

namespace sluice {

class KeyLog {
 public:
  explicit KeyLog(std::string path) : path_(std::move(path)) {}

  Result<void> open(KeyWindow* window);
  Result<void> append(KeyHash key, const KeyWindow& window);
  Result<void> sync();

 private:
  Result<void> rewrite(const KeyWindow& window);

  const std::string path_;
  Descriptor fd_;
  size_t keys_ = 0;  // in the file
};

}  // namespace sluice

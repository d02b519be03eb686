// SPDX-License-Identifier: Apache-2.0
// dead_letters.h — the seam to where records go that a destination refuses for what they are.
//
// In:      one record at a time, as it was encoded, with its place and the answer it got.
// Out:     exactly one outcome per record: durable, or why not.
// Owns:    files, and whatever thread it takes to wait for a disk.
// Thread:  the loop that owns the lane; none of these calls waits.
// Limits:  one record under way per lane. What is full says so and is asked again later: nothing
//          is ever left out to make room.
// Why so:  a position moves over a bad record only when its letter is durable, so this is the one
//          write whose failure must hold a destination, and must not hold its loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/ids.h"
#include "sluice/result.h"
#include "sluice/units.h"

namespace sluice {

struct DeadLetter {
  std::string destination;
  std::string_view reason;  // the verdict's word: "refused", "too_large"; static storage
  int32_t status = 0;
  std::string answer;  // its first bytes; may be any bytes
  std::string path;    // of the file
  Span span;           // of the file that it stands for
  Digest128 id;        // of the record; the same when it is read again
  Digest128 key;       // Idempotency-Key of a request with just this record
  std::string record;  // as it was encoded
};

class DeadLetters {
 public:
  virtual ~DeadLetters() = default;

  // REQUIRES: the outcome of the one before was taken.
  virtual void file(DeadLetter letter) = 0;
  // The outcome, once; nothing while it is under way. The lane's loop is woken for it.
  virtual std::optional<Result<void>> filed() = 0;
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// compressor.h — the contract between a closed body and its bytes on the wire.
//
// In:      one whole body.
// Out:     one whole compressed document (a gzip member, a zstd frame) that any decoder of the
//          format reads; deterministic for the same input, codec and level.
// Owns:    its codec state, made once; no allocation per body. Borrows both spans for the call.
// Thread:  one shard; every shard has its own per destination.
// Limits:  `out` must hold bound(in.size()) bytes; then compress() cannot fail for lack of room.
// Rate:    one virtual call per body.
// Why so:  75 to 95 % of all cycles are spent behind this call, so it is the one place where
//          another codec can change the speed of the agent, and nothing else may know which one it
//          is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "sluice/result.h"

namespace sluice {

// How busy a shard is. Only `level: auto` listens to it.
enum class Pace : uint8_t {
  kCalm,    // nothing waits: spend cycles, save bytes
  kBehind,  // lines wait behind this body: the fastest codec of the same encoding
};

class Compressor {
 public:
  virtual ~Compressor() = default;

  // For the bodies that follow. The first ones are compressed as if behind.
  virtual void set_pace(Pace) {}

  virtual size_t bound(size_t in_bytes) const = 0;
  // Returns how many bytes of `out` were written.
  virtual Result<size_t> compress(std::span<const std::byte> in, std::span<std::byte> out) = 0;
  // The value of Content-Encoding; empty for identity. Static storage.
  virtual std::string_view content_encoding() const = 0;
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// unpacker.h — reads what gzip or zstd packed, piece by piece.
//
// In:      the bytes of an archive in order, in pieces of any size.
// Out:     the bytes that were packed, as many as there is room for.
// Owns:    the decoder's state: 40 KiB for gzip, at most 8 MiB and a little for zstd.
// Thread:  one. No I/O.
// Limits:  zstd windows of more than 8 MiB (--long, --ultra) are refused: the archive says how much
//          memory its reader needs, and the memory of the agent is not for it to choose.
// Fails:   kCorrupt for bytes that do not decode, kExhausted for a window that is too large,
//          kUnsupported for what is neither gzip nor a zstd that this build knows.
//          Changed bytes that decode all the same are found by the checksum, behind what they made.
// Why so:  a rotated log that was packed while nobody looked is read to its end all the same. zlib
//          and not ISA-L: 300 MB/s is more than one destination takes of old lines.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "sluice/result.h"

namespace sluice {

class Unpacker {
 public:
  struct Step {
    size_t taken = 0;              // of `in`
    size_t made = 0;               // in `out`
    bool whole = false;            // nothing is begun: the archive may end here
    bool over = false;             // what follows belongs to no archive (padding)
    std::optional<Error> error{};  // what stands behind the bytes that were made does not decode
  };

  virtual ~Unpacker() = default;
  // Goes on until `in` is used up or `out` is full. With an empty `in` it gives what it still has.
  virtual Step unpack(std::span<const std::byte> in, std::span<std::byte> out) = 0;
};

// `head`: at least the first four bytes of the archive.
Result<std::unique_ptr<Unpacker>> make_unpacker(std::span<const std::byte> head);
// Whether the name ends as such archives' names do; `plain` is the name without that ending.
bool is_archive_name(std::string_view name, std::string_view* plain = nullptr);

}  // namespace sluice

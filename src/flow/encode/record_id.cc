// SPDX-License-Identifier: Apache-2.0
#include "flow/encode/record_id.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>

namespace sluice {

static_assert(std::endian::native == std::endian::little, "the ids of all hosts must agree");

Digest128 record_id(const Digest128& seed, FileOffset offset) {
  const uint64_t input[] = {seed.low, seed.high, static_cast<uint64_t>(offset.value)};
  const XXH128_hash_t hash = XXH3_128bits(input, sizeof input);
  return {hash.low64, hash.high64};
}

uint8_t* write_record_id(const Digest128& id, uint8_t* out) {
  constexpr char kHex[] = "0123456789abcdef";
  for (const uint64_t half : {id.high, id.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) {
      *out++ = static_cast<uint8_t>(kHex[half >> shift & 15]);
    }
  }
  return out;
}

}  // namespace sluice

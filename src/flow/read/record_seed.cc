// SPDX-License-Identifier: Apache-2.0
#include "flow/read/record_seed.h"

#include <xxhash.h>

#include <array>

namespace sluice {

Digest128 record_seed(const Digest128& file_seed, Epoch epoch) noexcept {
  const std::array<uint64_t, 3> words = {file_seed.low, file_seed.high, epoch.value};
  const XXH128_hash_t hash = XXH3_128bits(words.data(), sizeof words);
  return Digest128{hash.low64, hash.high64};
}

}  // namespace sluice

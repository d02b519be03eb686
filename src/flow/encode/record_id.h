// SPDX-License-Identifier: Apache-2.0
// record_id.h — the name of one record: the same line gets the same id whenever it is sent.
//
// In:      the seed of an epoch of a file (host id, file identity and epoch are hashed into it, see
//          TailOrigin::id_seed) and the offset of the line in the file.
// Out:     XXH3-128 of seed.low, seed.high and offset, each as 8 bytes with the lowest first.
// Thread:  any; pure.
// Limits:  128 bits: two of 10^15 records share an id with a chance of 10^-9.
// Why so:  a destination that knows the id can drop what it got twice after a crash. The content is
//          not hashed: equal lines are different records.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sluice/ids.h"
#include "sluice/units.h"

namespace sluice {

inline constexpr size_t kRecordIdBytes = 32;  // as hexadecimal digits

Digest128 record_id(const Digest128& seed, FileOffset offset);

// 32 lower-case digits, highest first, as xxhsum prints them. Returns out + kRecordIdBytes.
uint8_t* write_record_id(const Digest128& id, uint8_t* out);

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// rfc3339.h — writes a time as records carry it: 2026-11-22T17:10:17.123456789Z.
//
// In:      a WallTime.
// Out:     kRfc3339Bytes characters, always UTC, always nine digits of fraction, so every timestamp
//          of a body has the same length and sorts as text.
// Thread:  any; pure: no gmtime, no locale, no time zone file.
// Limits:  all of WallTime, that is 1677-09-21 to 2262-04-11; before 1970 too.
// Why so:  the proleptic Gregorian calendar by arithmetic on days counted from 0000-03-01, where
//          the leap day is the last of the year (Hinnant, "chrono-compatible low-level date
//          algorithms"). Leap seconds do not exist on this time line, as in POSIX.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sluice/units.h"

namespace sluice {

inline constexpr size_t kRfc3339Bytes = 30;

// Returns out + kRfc3339Bytes. REQUIRES: that much room at out.
uint8_t* write_rfc3339(WallTime time, uint8_t* out);

}  // namespace sluice

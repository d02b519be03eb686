// SPDX-License-Identifier: Apache-2.0
// newline_scan.h — finds where the lines of a buffer end.
//
// In:      bytes, borrowed for the call.
// Out:     line_ends[i] = offset just after the i-th '\n', ascending, so line i is
//          [line_ends[i - 1], line_ends[i]). What follows the last one is the caller's rest.
// Owns:    nothing. Allocates nothing.
// Thread:  any; pure. The instruction set is chosen once per process (Highway).
// Limits:  size < 4 GiB. Stops after line_ends_max ends; entries of line_ends behind the returned
//          count may have been overwritten. Never reads outside [data, data + size).
// Fails:   cannot; misuse is a SLUICE_CHECK.
// Why so:  a call of memchr per line costs 3.5 to 18 GB/s depending on how dense the newlines are.
//          64 bytes to one word, then the set bits of that word, stays above 20 GB/s for all.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice {

// REQUIRES: line_ends has room for line_ends_max entries. Returns the number of ends found.
size_t scan_newlines(const uint8_t* data, size_t size, uint32_t* line_ends, size_t line_ends_max);

// The same, byte by byte: the definition that every kernel is tested against, and what runs on a
// CPU without any of our instruction sets.
size_t scan_newlines_scalar(const uint8_t* data, size_t size, uint32_t* line_ends,
                            size_t line_ends_max);

}  // namespace sluice

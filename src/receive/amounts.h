// SPDX-License-Identifier: Apache-2.0
// amounts.h — reads sizes, durations and rates as people write them on a command line.
//
// In:      text: 64KiB, 10MB, 1.5GiB, 4096; 500ms, 2s, 1m30s is not accepted (one unit only);
//          10MB/s, 1000lines/s.
// Out:     the amount, or nothing when the text is none. Units are not case sensitive; KB is
//          1000 bytes, KiB and K are 1024.
// Thread:  pure functions.
// Limits:  non-negative; below 2^62 in the smallest unit.
// Fails:   std::nullopt; the caller names the flag in its message.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sluice/units.h"

namespace sluice {

std::optional<Bytes> read_bytes_text(std::string_view text);
std::optional<Duration> read_duration_text(std::string_view text);

struct WriteRate {
  enum class Unit : uint8_t { kBytes, kLines };
  Unit unit = Unit::kBytes;
  double per_second = 0;
};
std::optional<WriteRate> read_write_rate_text(std::string_view text);

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "readable_text.h"

#include <cstdint>

namespace sluice::sim {
namespace {

struct Lead {
  int more = 0;                     // bytes that follow; 0 for no lead byte
  uint8_t low = 0x80, high = 0xBF;  // what the second byte may be
};

Lead lead_of(uint8_t byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {1};
  if (byte == 0xE0) return {2, 0xA0, 0xBF};
  if (byte == 0xED) return {2, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {2};
  if (byte == 0xF0) return {3, 0x90, 0xBF};
  if (byte == 0xF4) return {3, 0x80, 0x8F};
  if (byte >= 0xF1 && byte <= 0xF3) return {3};
  return {};
}

}  // namespace

std::string readable_text(std::string_view bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size();) {
    const auto first = static_cast<uint8_t>(bytes[at]);
    if (first < 0x80) {
      text += bytes[at++];
      continue;
    }
    const Lead lead = lead_of(first);
    int good = 0;
    while (good < lead.more && at + 1 + static_cast<size_t>(good) < bytes.size()) {
      const auto next = static_cast<uint8_t>(bytes[at + 1 + static_cast<size_t>(good)]);
      const uint8_t low = good == 0 ? lead.low : 0x80;
      const uint8_t high = good == 0 ? lead.high : 0xBF;
      if (next < low || next > high) break;
      ++good;
    }
    const size_t size = 1 + static_cast<size_t>(good);
    if (lead.more > 0 && good == lead.more) {
      text += bytes.substr(at, size);
    } else {
      text += "\xEF\xBF\xBD";
    }
    at += size;
  }
  return text;
}

}  // namespace sluice::sim

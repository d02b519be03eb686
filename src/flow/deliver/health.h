// SPDX-License-Identifier: Apache-2.0
// health.h — does the destination take requests at the moment?
//
// In:      one verdict after the other.
// Out:     the two moments that matter: it went down, it is back.
// Owns:    a count. Thread: the lane's. Pure.
// Limits:  down is kFailuresUntilDown failures with no success between them, or one hold: a wrong
//          password does not heal by the third try. A parcel that is refused for itself says
//          nothing about the destination.
// Why so:  one 503 among a thousand answers is no news; an operator wants two lines per outage. And
//          when the destination is back, parcels that wait in a long pause need not sit it out.
#pragma once

#include <cstdint>

#include "flow/deliver/verdict.h"

namespace sluice {

class Health {
 public:
  static constexpr int32_t kFailuresUntilDown = 3;
  enum class Change : uint8_t { kNone, kWentDown, kCameBack };

  Change after(const Verdict& verdict) {
    if (verdict.delivered()) {
      failures_ = 0;
      if (!down_) return Change::kNone;
      down_ = false;
      return Change::kCameBack;
    }
    if (verdict.subject == Verdict::Subject::kParcel || down_) return Change::kNone;
    ++failures_;
    if (verdict.kind != Verdict::Kind::kHold && failures_ < kFailuresUntilDown) {
      return Change::kNone;
    }
    down_ = true;
    return Change::kWentDown;
  }

  bool down() const { return down_; }

 private:
  int32_t failures_ = 0;  // since the last success, counted while up
  bool down_ = false;
};

}  // namespace sluice

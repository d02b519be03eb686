// SPDX-License-Identifier: Apache-2.0
// burial_rule.h — is a record bad, or does the destination refuse everything?
//
// In:      successes and burials of one destination.
// Out:     whether a record that was refused all alone may go to the dead letters although nothing
//          was taken since.
// Owns:    two counts. Thread: the lane's. Pure.
// Limits:  a record is proved bad by a success that comes after its refusal. Without one at most
//          kUnprovenMax are buried in a row, and only where nothing is left of their body to ask
//          with: at once if the destination has ever taken something in this run, else after
//          `patience`.
// Why so:  a wrong route or a changed schema refuses everything, and must not empty the files into
//          the dead letters; yet the last line of a quiet file may be bad, and nothing that could
//          prove it may come for a week. Eight lines too many can be replayed.
#pragma once

#include <cstdint>

#include "sluice/units.h"

namespace sluice {

class BurialRule {
 public:
  static constexpr uint32_t kUnprovenMax = 8;

  explicit BurialRule(Duration patience) : patience_(patience) {}

  // Of this destination in this run.
  int64_t successes() const { return successes_; }

  void delivered() {
    ++successes_;
    unproven_ = 0;
  }
  void buried(bool proven) { unproven_ += proven ? 0 : 1; }

  // `held_for`: how long the rest of its body has waited for a proof.
  bool may_bury_unproven(Duration held_for) const {
    if (unproven_ >= kUnprovenMax) return false;
    return successes_ > 0 || held_for >= patience_;
  }

 private:
  const Duration patience_;
  int64_t successes_ = 0;
  uint32_t unproven_ = 0;  // burials since the last success
};

}  // namespace sluice

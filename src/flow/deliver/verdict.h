// SPDX-License-Identifier: Apache-2.0
// verdict.h — what an answer of the destination means for a parcel. The whole rule book.
//
// In:      one answer of the wire.
// Out:     delivered, retry, hold, split or dissect, whom it is about, and a sentence for the
//          operator that names the remedy. docs/delivery.md shows the table.
// Owns:    nothing; all texts are static. Thread: any. Pure.
// Limits:  a parcel is delivered only by 200 to 205 after its whole body had left. Everything else
//          is tried again: what cannot succeed without a person is held, that is tried again
//          slowly and loudly, and its offset does not move.
// Fails:   cannot: each status and each transport failure has a verdict.
// Why so:  one table, so that a reader can check it against RFC 9110 in a minute. An answer that
//          speaks of single records in its body (partial success) would be one more kind, beside a
//          decoder per protocol; JSON over HTTP defines none.
#pragma once

#include <cstdint>
#include <string_view>

#include "sluice/units.h"
#include "sluice/wire.h"

namespace sluice {

struct Verdict {
  enum class Kind : uint8_t {
    kDelivered,
    kRetry,    // may pass by itself: again after a growing pause
    kHold,     // only a person can cure it: again at the longest pause, with an alarm
    kSplit,    // the body is too large: its parts may pass
    kDissect,  // a record of the body is refused: find it, deliver the others
  };
  // What the answer says something about.
  enum class Subject : uint8_t {
    kDestination,  // other parcels will fare alike
    kParcel,       // this body is refused; others may pass
  };

  Kind kind = Kind::kRetry;
  Subject subject = Subject::kDestination;
  Duration retry_after{-1};  // negative: the destination named no pause
  std::string_view key;      // what happened in one snake_case word; names the event
  std::string_view remedy;   // one sentence for the operator; empty when delivered

  bool delivered() const { return kind == Kind::kDelivered; }
  // The body is refused for what it is, and smaller ones may be taken.
  bool cuts() const { return kind == Kind::kSplit || kind == Kind::kDissect; }
};

Verdict judge(const WireAnswer& answer);

}  // namespace sluice

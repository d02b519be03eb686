// SPDX-License-Identifier: Apache-2.0
// nth_failure.h — the n-th call of one kind fails, once or from then on.
//
// In:      which seam, which n; each call of that seam asks.
// Out:     whether this one fails; how many calls there were, so that whoever counts n up knows
//          when a run was not touched any more.
// Owns:    a counter. Borrowed by a Plan for one schedule.
// Thread:  one.
// Why so:  random faults find what often goes wrong; this finds the one call whose failure nobody
//          thought of, because it goes through all of them.
#pragma once

#include <cstdint>

namespace sluice::sim {

enum class Seam : uint8_t {
  kList,        // a directory
  kStat,        // by path or descriptor
  kOpen,        //
  kReadAt,      // by the steward
  kRead,        // by a shard
  kCommit,      // of checkpoint rows
  kWatch,       // of a directory
  kSend,        // no connection
  kSendStored,  // the connection breaks after the receiver has stored the request
  kCount,
};

class NthFailure {
 public:
  NthFailure(Seam seam, int64_t n, bool from_then_on)
      : seam_(seam), n_(n), from_then_on_(from_then_on) {}

  bool fails(Seam seam) {
    if (seam != seam_) return false;
    ++calls_;
    return from_then_on_ ? calls_ >= n_ : calls_ == n_;
  }
  int64_t calls() const { return calls_; }

 private:
  const Seam seam_;
  const int64_t n_;
  const bool from_then_on_;
  int64_t calls_ = 0;
};

}  // namespace sluice::sim

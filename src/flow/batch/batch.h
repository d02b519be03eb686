// SPDX-License-Identifier: Apache-2.0
// batch.h — the open body of one destination on one shard, and the rule when it is sealed.
//
// In:      spans of lines that an encoder has just put into the body; the time; how busy the lane
//          is.
// Out:     "seal now", or the next time to ask.
// Owns:    the body's memory (reserved once, touched as it fills), the table of its records, the
//          spans and counts of its lines.
// Thread:  one shard. The rule is pure.
// Limits:  sealed by body bytes (the encoder leaves the next line out), by lines, by age. A line
//          larger than body_bytes_max travels alone.
// Why so:  the linger follows the acks. With nothing under way a line waits at most linger_idle for
//          company, so a quiet host delivers within milliseconds; while a request is under way
//          waiting costs nothing that the request does not cost anyway, so the body grows until the
//          ack, the size bound or `wait`. Nobody has to choose between latency and full bodies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sluice/encoder.h"
#include "sluice/line_block.h"
#include "sluice/parcel.h"
#include "sluice/units.h"

namespace sluice {

struct BatchRules {
  Lines lines_max{0};               // 0: no bound by lines
  Duration wait{200'000'000};       // oldest line's age at which a body leaves in any case
  Duration linger_idle{5'000'000};  // the same with nothing under way
};

// When a body opened at `opened_at` should be sealed, as things stand.
MonoTime seal_time(const BatchRules& rules, MonoTime opened_at, bool lane_idle);

class Batch {
 public:
  // `memory` is borrowed for the life of the batch; REQUIRES: as BodyBuffer says.
  explicit Batch(BodyBuffer memory);

  bool empty() const { return lines_ == Lines(0); }
  BodyBuffer& body() { return body_; }
  Lines lines() const { return lines_; }
  MonoTime opened_at() const { return opened_at_; }
  bool ordered() const { return ordered_; }
  // A file whose lines it holds was rotated or deleted.
  void put_at_risk() { at_risk_ = true; }

  // Lines [first, next) of `block` are in the body now, as so many records.
  void add(const LineBlock& block, uint32_t first_line, uint32_t next_line, Lines records,
           MonoTime now);

  // Everything about the batch but its bytes, for the parcel; the batch is empty afterwards.
  ParcelPtr seal_into_parcel(DestinationId destination, ShardId shard, MonoTime now);

 private:
  void add_span(const Span& span, const Digest128& seed);
  void add_run(const LineBlock& block, uint32_t first_line, Lines records);

  std::unique_ptr<RecordEnd[]> ends_;  // as many as records of the least size fill the body
  BodyBuffer body_;
  std::vector<RecordRun> runs_;
  std::string paths_;  // of the runs
  std::vector<Span> spans_;
  std::vector<Digest128> seeds_;  // of the spans' origins, for the key
  Lines lines_;
  Bytes raw_bytes_;
  MonoTime opened_at_;
  MonoTime oldest_read_at_;
  bool ordered_ = false;
  bool at_risk_ = false;
};

// The Idempotency-Key: a hash of which bytes of which contents a parcel holds. It does not depend
// on how they were encoded or compressed, on the agent's run, or on how the spans were gathered.
// REQUIRES: one seed per span.
Digest128 parcel_key(const std::vector<Span>& spans, const std::vector<Digest128>& seeds);

}  // namespace sluice

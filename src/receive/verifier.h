// SPDX-License-Identifier: Apache-2.0
// verifier.h — says which generated lines arrived: once, twice, never, or damaged, and how late.
//
// In:      lines with the time of their arrival; at the end the ledger of the generator, if any.
// Out:     a report, as text and as JSON.
// Owns:    one bit per line and a few counters per stream; the first damaged lines as samples.
// Thread:  one.
// Limits:  about 30 ns and 1 bit per line. Without a ledger, lines missing after the last one that
//          arrived cannot be known: only gaps are counted. Means:   unique = distinct valid lines;
//          duplicate = further arrivals of one; damaged = no token, or a token that does not fit
//          its line; ghost = valid, but not in the ledger; missing = in the ledger, never arrived,
//          except those that were raced (see ledger.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "receive/latency_histogram.h"
#include "receive/ledger.h"
#include "receive/sequence_set.h"
#include "sluice/units.h"

namespace sluice {

struct VerifyStream {
  uint32_t stream = 0;
  uint64_t unique = 0, duplicate = 0, missing = 0, missing_raced = 0, ghost = 0;
  uint64_t hash_sum = 0;
  std::optional<uint64_t> ledger_lines;
  bool hash_matches = true;  // false when all lines are there but their sum is another
  std::vector<uint64_t> missing_first;
};

struct VerifyReport {
  bool has_ledger = false;
  uint64_t lines = 0;  // arrivals of any kind
  uint64_t unique = 0, duplicate = 0, missing = 0, missing_raced = 0, ghost = 0, damaged = 0,
           without_token = 0;  // a part of damaged
  uint64_t bytes = 0;          // of unique lines, with newlines
  uint64_t duplicate_bytes = 0;
  uint64_t latency_samples = 0;
  Duration latency_p50, latency_p99, latency_p999, latency_max;
  std::vector<VerifyStream> streams;
  std::vector<std::string> damaged_samples;

  bool hashes_match = true;

  bool is_complete() const { return missing == 0 && damaged == 0 && ghost == 0 && hashes_match; }
  std::string text() const;
  std::string json() const;
};

class Verifier {
 public:
  void take(std::string_view line, WallTime arrival);

  // Without a latency: for lines read from files, whose arrival is not known.
  void take_stored(std::string_view line);

  VerifyReport report(const Ledger* ledger) const;

 private:
  struct Stream {
    SequenceSet seen;
    uint64_t duplicate = 0;
    uint64_t hash_sum = 0;
  };

  // The stamp of a line that is valid and new.
  std::optional<WallTime> take_line(std::string_view line);
  Stream& stream_of(uint32_t id);
  static VerifyStream judge(uint32_t id, const Stream& stream, const LedgerStream* ledger,
                            bool has_ledger);

  std::unordered_map<uint32_t, Stream> streams_;
  uint32_t last_id_ = UINT32_MAX;  // lines come in runs of one stream
  Stream* last_stream_ = nullptr;
  LatencyHistogram latencies_;
  uint64_t lines_ = 0, bytes_ = 0, duplicate_bytes_ = 0, damaged_ = 0, without_token_ = 0;
  std::vector<std::string> damaged_samples_;
};

}  // namespace sluice

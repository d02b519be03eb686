// SPDX-License-Identifier: Apache-2.0
// metrics.h — numbers about the agent: counted where things happen, read by anybody.
//
// In:      the owning thread adds per block, per parcel, per event; never per line.
// Out:     relaxed reads by the admin port, the progress line and the oracle of the simulator.
// Owns:    one struct per shard, per lane and for the steward; names of the exported series are
//          chosen in one table in src/control/metrics_text.
// Thread:  one writer per struct, any reader; no locks, no read-modify-write on the hot path.
// Why so:  the simulator compares these very counters with its own ledger (invariant I8), so a
//          metric that lies is a failed test.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace sluice {

// A number with one writing thread and any reading thread.
class Counter {
 public:
  void add(int64_t amount = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  int64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

struct alignas(64) ShardMetrics {
  Counter reads;           // completed reads, empty ones too
  Counter read_bytes;      // bytes of whole lines taken in (each byte once)
  Counter returned_bytes;  // of them put back: ordered files are read again after an ack
  Counter read_errors;
  Counter blocks;
  Counter blocks_stolen;     // encoded here, read by another shard
  Counter lines;             // lines encoded
  Counter encoded_bytes;     // before compression
  Counter compressed_bytes;  // after
  Counter parcels;
  Counter replaced_sequences;  // invalid UTF-8 sequences that became U+FFFD
  Counter split_lines;         // pieces of lines longer than max_line
  Counter partial_lines;       // last lines of rotated files, delivered without newline
  Counter unparsed_lines;      // not in the container format of their source, delivered as they are
  Counter truncations;         // epochs begun because content was replaced
  Counter hole_bytes;          // NUL bytes of holes that were passed over
  Counter hot_tails;           // gauge: tails read on the tick
  Counter tails;               // gauge
  Counter credit_waits;        // turns in which a tail was ready and its lane had no credit
};

// Answers by class; index = status / 100, 0 for transport failures.
using StatusClasses = std::array<Counter, 6>;

struct alignas(64) LaneMetrics {
  Counter sent_requests;  // attempts
  Counter retries;        // attempts after the first
  Counter delivered_parcels;
  Counter delivered_lines;
  Counter delivered_raw_bytes;
  Counter delivered_encoded_bytes;  // before compression
  Counter delivered_body_bytes;     // after compression, once per delivered parcel
  Counter wire_body_bytes;          // every attempt
  Counter dropped_lines;            // by overflow: drop-oldest
  Counter dropped_raw_bytes;
  Counter dropped_parcels;
  Counter dead_lines;  // in the dead letters
  Counter dead_raw_bytes;
  Counter dead_errors;    // letters that could not be written and are tried again
  Counter spooled_lines;  // went to the spool
  Counter spooled_raw_bytes;
  Counter replayed_raw_bytes;   // of those delivered or dead, what came out of the spool
  Counter spool_errors;         // writes to it that failed and are tried again
  Counter spool_lost_lines;     // in it, and damaged or gone
  Counter spool_dropped_lines;  // by spool-full: drop-oldest
  Counter spool_bytes;          // gauge: of its segments
  Counter spool_lines;          // gauge: in it and not delivered
  Counter at_risk_files;        // gauge: rotated or deleted, and not read to the end
  Counter splits;               // bodies that were answered 413 and are sent in smaller parts
  Counter dissections;  // bodies that were answered 400 or 422 and are searched for the bad record
  Counter cuts;         // parts that were made of bodies
  Counter holds;        // answers that only a person can cure (401, 404, ...)
  Counter throttled;    // times a token bucket made a parcel wait
  Counter queue_parcels;  // gauge
  Counter in_flight;      // gauge: on the wire or backing off
  Counter backing_off;    // gauge
  Counter window;         // gauge: requests that may be open at present
  Counter credit_bytes;   // gauge: compressed bytes that may be held at present
  Counter answer_ns_sum;  // of requests that got an answer
  Counter answers;
  Counter healthy;             // gauge: 1 if the last answer was a success
  Counter endpoints;           // gauge: that the destination has
  Counter endpoints_healthy;   // gauge: that are not given up
  Counter endpoints_given_up;  // times that one was
  StatusClasses statuses;
};

struct alignas(64) StewardMetrics {
  Counter files_added;
  Counter files_resumed;  // with a checkpoint
  Counter files_rotated;
  Counter files_deleted;
  Counter files_retired;  // closed: gone and fully acked
  Counter open_files;     // gauge
  Counter tails;          // gauge
  Counter reconciles;
  Counter event_overflows;
  Counter watch_failures;    // directories that are polled because they cannot be watched
  Counter skipped_files;     // matched, but not regular or not readable
  Counter vanished_unread;   // names that were deleted before anybody could open them
  Counter archives_read;     // compressed files in which a followed file was read to its end
  Counter archives_damaged;  // the same, but only up to a place where they do not decode
  Counter missed_truncated;  // bytes that cannot be delivered any more, by MissedReason
  Counter missed_replaced;
  Counter missed_deleted;
  Counter missed_unacked;
  Counter checkpoints;
  Counter checkpoint_errors;
  Counter checkpoint_rows;           // gauge
  Counter checkpoint_rows_salvaged;  // carried over from a damaged store at start
  Counter checkpoint_rows_damaged;   // found in it, but not what was once written
  Counter lag_bytes;  // gauge: written but not acked, over all tails, exact at the last survey
  Counter lag_ns;     // gauge: age of the oldest tail that is behind
  Counter acked_raw_bytes;
};

}  // namespace sluice

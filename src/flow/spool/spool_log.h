// SPDX-License-Identifier: Apache-2.0
// spool_log.h — the spool of one destination: an append-only log in segments, read from its head.
//
// In:      drafts to keep; which records are done with.
// Out:     the same bodies as parcels, oldest first, each once in a run; numbers.
// Owns:    what is known of each segment: some 100 bytes, and 50 per record that is done with in a
//          segment that is not. No record is held here.
// Thread:  whoever waits for the disk.
// Limits:  `bytes_max` for all segments together, from where on append() answers kExhausted, or
//          gives up the oldest segment if the user wants that, counted to the line.
// Fails:   open() only for a disk that does not answer and for segments of a later version. A
//          segment whose write failed is never written again: its last good record is its end, and
//          the records come again in a new segment under the same sequences. What is damaged or
//          gone is passed over and counted to the line; a segment with damage is set aside and not
//          removed.
// Why so:  nothing is ever changed in place. Of two records with one sequence the one in the later
//          segment counts, for nobody was promised the other. So recovery is one head per segment
//          and a walk through the last: 64 segments of 16 MiB open in the time of one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "flow/spool/spool_format.h"
#include "flow/spool/spool_walk.h"
#include "sluice/result.h"
#include "sluice/spool.h"
#include "sluice/units.h"

namespace sluice {

struct SpoolSettings {
  Bytes bytes_max{1 << 30};
  // Raising it makes fewer files; lowering it gives room back sooner. A bad sector in the head of
  // one costs nothing but a search.
  Bytes segment_bytes{16 << 20};
  bool drop_oldest = false;
};

// What is known of one segment. Sequences and lines count through all segments.
struct SpoolSegment {
  uint32_t number = 0;
  uint64_t first_sequence = 0;
  uint64_t end_sequence = 0;  // of the first record behind it
  uint64_t lines_before = 0;
  uint64_t lines_end = 0;
  uint64_t size = 0;                  // bytes that count
  std::map<uint64_t, uint64_t> done;  // sequence to lines
  uint64_t done_lines = 0;
  uint64_t lost_records = 0;
  uint64_t lost_lines = 0;
  bool damaged = false;
  bool finished = false;  // nothing in it is wanted any more

  uint64_t open_records() const {
    return finished ? 0 : end_sequence - first_sequence - done.size() - lost_records;
  }
  uint64_t open_lines() const {
    const uint64_t past = done_lines + lost_lines;
    const uint64_t all = lines_end > lines_before ? lines_end - lines_before : 0;
    return finished || past > all ? 0 : all - past;
  }
};

class SpoolLog {
 public:
  // A record that the disk does not give after so many fetches counts as damaged.
  static constexpr int kReadAttempts = 8;

  SpoolLog(SpoolSettings settings, SpoolDisk& disk) : settings_(settings), disk_(disk) {}

  // Looks what is there. REQUIRES: called once, before anything else.
  Result<void> open(WallTime now);
  // Durable on return; the sequence of the first.
  Result<uint64_t> append(std::span<const SpoolDraft> drafts, WallTime now);
  // The oldest record that is neither done with nor in anybody's hands; it is in the caller's then.
  Result<SpooledParcel> fetch();
  // REQUIRES: it is in the caller's hands.
  void remove(uint64_t sequence, Lines lines);

  SpoolCounts counts() const;
  uint64_t next_sequence() const { return next_sequence_; }
  const std::deque<SpoolSegment>& segments() const { return segments_; }

 private:
  // spool_recovery.cc: what was there at the start.
  Result<void> learn_segment(const SpoolFile& file);
  void find_end(SpoolSegment& last);
  void read_notes(SpoolSegment& segment);
  void join_segments();

  // spool_log.cc
  std::vector<std::byte> encode(std::span<const SpoolDraft> drafts, WallTime now) const;
  Result<void> begin_segment(std::span<const std::byte> records, WallTime now);
  Result<void> extend_segment(std::span<const std::byte> records);
  void commit(std::span<const SpoolDraft> drafts, uint64_t bytes);
  Result<void> make_room(uint64_t bytes);
  bool drop_one();
  bool has_hands_in(const SpoolSegment& segment) const;
  bool is_written(const SpoolSegment& segment) const;
  SpoolSegment* segment_of(uint64_t sequence);

  bool fetch_step(SpoolSegment& segment, Result<SpooledParcel>& fetched);
  bool pass_unreadable(SpoolSegment& segment, const Error& error, Result<SpooledParcel>& fetched);
  void take(SpoolSegment& segment, const FoundRecord& found, Result<SpooledParcel>& fetched);
  void lose_until(SpoolSegment& segment, uint64_t end_sequence, uint64_t lines_end);

  void tidy();
  void finish(SpoolSegment& segment, bool is_first);

  const SpoolSettings settings_;
  SpoolDisk& disk_;
  TextPool texts_;
  std::deque<SpoolSegment> segments_;  // ascending
  bool writing_ = false;               // the last one takes more
  uint32_t next_number_ = 1;
  uint64_t next_sequence_ = 1;
  uint64_t next_lines_ = 0;
  std::map<uint64_t, uint64_t> in_hand_;  // sequence to lines
  std::optional<SpoolWalk> cursor_;
  uint32_t cursor_number_ = 0;  // segments before it are handed out
  // Of the record that should come next.
  uint64_t cursor_sequence_ = 0;
  uint64_t cursor_lines_ = 0;
  int read_failures_ = 0;
  SpoolCounts since_start_;
};

}  // namespace sluice

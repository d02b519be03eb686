// SPDX-License-Identifier: Apache-2.0
// What a spool finds at its start: heads, the end of the last segment, notes. Nothing is written.
#include <algorithm>
#include <iterator>

#include "flow/spool/spool_log.h"

namespace sluice {

Result<void> SpoolLog::open(WallTime now) {
  const Result<std::vector<SpoolFile>> files = disk_.list();
  if (!files) return files.error();
  for (const SpoolFile& file : *files) {
    next_number_ = std::max(next_number_, file.number + 1);
    const Result<void> learnt = learn_segment(file);
    if (!learnt) return learnt;
  }
  join_segments();
  // Not used before, so that a note of an earlier spool can never speak of a record of this one.
  next_sequence_ = static_cast<uint64_t>(std::max<int64_t>(1, now.value / 1000));
  if (!segments_.empty()) {
    find_end(segments_.back());
    next_sequence_ = segments_.back().end_sequence;
    next_lines_ = segments_.back().lines_end;
  }
  for (SpoolSegment& segment : segments_) read_notes(segment);
  tidy();
  return {};
}

Result<void> SpoolLog::learn_segment(const SpoolFile& file) {
  SegmentHeadBytes bytes{};
  const Result<size_t> got = disk_.read(file.number, 0, bytes);
  if (!got) {
    // What the disk does not give now a person may get out of it later.
    (void)disk_.set_aside(file.number);
    return {};
  }
  SpoolSegment segment;
  segment.number = file.number;
  segment.size = file.size;
  const auto head = decode_segment_head(std::span(bytes).first(*got));
  if (head && head->version != kSpoolVersion)
    return Error{Errc::kUnsupported, 0, "a segment of the spool is of a later version"};
  if (head) {
    segment.first_sequence = head->first_sequence;
    segment.lines_before = head->lines_before;
  } else {
    // Its first record says as much.
    SpoolWalk walk(disk_, file.number, file.size, 0);
    const auto found = walk.next();
    if (!found || !*found) {
      // A creation that broke off, or nothing that anybody could read.
      (void)(file.size < kSegmentHeadBytes ? disk_.remove(file.number)
                                           : disk_.set_aside(file.number));
      return {};
    }
    segment.first_sequence = (*found)->head.sequence;
    segment.lines_before = (*found)->head.lines_before;
    segment.damaged = true;
  }
  segments_.push_back(std::move(segment));
  return {};
}

// Each ends where the next one begins.
void SpoolLog::join_segments() {
  for (size_t i = 1; i < segments_.size();) {
    if (segments_[i].first_sequence >= segments_[i - 1].first_sequence) {
      ++i;
      continue;
    }
    // Numbers grow and sequences do not: somebody put files here that are not of this spool.
    (void)disk_.set_aside(segments_[i].number);
    segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  for (size_t i = 0; i + 1 < segments_.size(); ++i) {
    segments_[i].end_sequence = segments_[i + 1].first_sequence;
    segments_[i].lines_end = segments_[i + 1].lines_before;
  }
}

// A record that is not whole was never promised to anybody. What lies behind a place that the disk
// does not give is for a person, too.
void SpoolLog::find_end(SpoolSegment& last) {
  last.end_sequence = last.first_sequence;
  last.lines_end = last.lines_before;
  SpoolWalk walk(disk_, last.number, last.size, last.damaged ? 0 : kSegmentHeadBytes);
  uint64_t end = std::min<uint64_t>(last.size, kSegmentHeadBytes);
  for (;;) {
    const auto found = walk.next();
    if (!found) last.damaged = true;
    if (!found || !*found) break;
    const RecordHead& head = (*found)->head;
    if (head.sequence < last.end_sequence) continue;
    last.end_sequence = head.sequence + 1;
    last.lines_end = head.lines_before + head.lines;
    end = walk.at();
  }
  last.size = end;
}

// A note that cannot be read means a record that is sent once more.
void SpoolLog::read_notes(SpoolSegment& segment) {
  const Result<std::vector<std::byte>> notes = disk_.notes(segment.number);
  if (!notes) return;
  for (auto rest = std::span<const std::byte>(*notes); rest.size() >= kSpoolNoteBytes;) {
    const auto note = decode_note(rest);
    rest = rest.subspan(note ? kSpoolNoteBytes : 1);
    if (!note) continue;
    const bool whole = note->sequence == kWholeSegment && note->lines == segment.first_sequence;
    if (whole) segment.finished = true;
    if (note->sequence < segment.first_sequence || note->sequence >= segment.end_sequence) continue;
    if (segment.done.emplace(note->sequence, note->lines).second) segment.done_lines += note->lines;
  }
}

}  // namespace sluice

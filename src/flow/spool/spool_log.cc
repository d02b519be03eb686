// SPDX-License-Identifier: Apache-2.0
// The spool at work; how it begins is in spool_recovery.cc.
#include "flow/spool/spool_log.h"

#include <algorithm>
#include <utility>

#include "sluice/check.h"
#include "sluice/crash_point.h"

namespace sluice {

SpoolCounts SpoolLog::counts() const {
  SpoolCounts counts = since_start_;
  for (const SpoolSegment& segment : segments_) {
    counts.bytes += Bytes(static_cast<int64_t>(segment.size));
    counts.records += static_cast<int64_t>(segment.open_records());
    counts.lines += static_cast<int64_t>(segment.open_lines());
  }
  return counts;
}

bool SpoolLog::is_written(const SpoolSegment& segment) const {
  return writing_ && &segment == &segments_.back();
}

std::vector<std::byte> SpoolLog::encode(std::span<const SpoolDraft> drafts, WallTime now) const {
  std::vector<std::byte> bytes;
  uint64_t sequence = next_sequence_;
  uint64_t lines = next_lines_;
  for (const SpoolDraft& draft : drafts) {
    RecordHead head = head_of(draft);
    head.sequence = sequence++;
    head.lines_before = lines;
    head.stored = now;
    lines += head.lines;
    const RecordHeadBytes encoded = encode_head(head);
    bytes.insert(bytes.end(), encoded.begin(), encoded.end());
    bytes.insert(bytes.end(), draft.payload.begin(), draft.payload.end());
  }
  return bytes;
}

Result<uint64_t> SpoolLog::append(std::span<const SpoolDraft> drafts, WallTime now) {
  SLUICE_CHECK(!drafts.empty(), "something is to be kept");
  const std::vector<std::byte> records = encode(drafts, now);
  const Result<void> room = make_room(records.size() + kSegmentHeadBytes);
  if (!room) return room.error();
  const auto segment_bytes = static_cast<uint64_t>(settings_.segment_bytes.value);
  const bool fits = writing_ && segments_.back().size + records.size() <= segment_bytes;
  SLUICE_CRASHPOINT("spool.append.before");
  const Result<void> written = fits ? extend_segment(records) : begin_segment(records, now);
  if (!written) return written.error();
  SLUICE_CRASHPOINT("spool.append.after");
  const uint64_t first = next_sequence_;
  commit(drafts, records.size());
  tidy();
  return first;
}

Result<void> SpoolLog::begin_segment(std::span<const std::byte> records, WallTime now) {
  SpoolSegment segment;
  segment.number = next_number_++;  // also of one that fails: its file may stay
  segment.first_sequence = next_sequence_;
  segment.lines_before = next_lines_;
  const SegmentHeadBytes head = encode_head(
      SegmentHead{kSpoolVersion, segment.number, segment.first_sequence, next_lines_, now});
  std::vector<std::byte> bytes(head.begin(), head.end());
  bytes.insert(bytes.end(), records.begin(), records.end());
  const Result<void> created = disk_.create(segment.number, bytes);
  // If a file stays all the same: the next one begins at the same sequence, so nothing in it
  // counts. For that no segment before it may grow any more.
  writing_ = created.ok();
  if (!created) (void)disk_.remove(segment.number);
  if (!created) return created;
  segment.size = kSegmentHeadBytes;
  segments_.push_back(std::move(segment));
  return {};
}

Result<void> SpoolLog::extend_segment(std::span<const std::byte> records) {
  SpoolSegment& segment = segments_.back();
  Result<void> written = disk_.append(segment.number, segment.size, records);
  if (written) return written;
  disk_.cut(segment.number, segment.size);
  writing_ = false;
  return written;
}

void SpoolLog::commit(std::span<const SpoolDraft> drafts, uint64_t bytes) {
  SpoolSegment& segment = segments_.back();
  segment.size += bytes;
  for (const SpoolDraft& draft : drafts) {
    const auto lines = static_cast<uint64_t>(draft.lines.value);
    if (draft.in_hand) in_hand_[next_sequence_] = lines;
    ++next_sequence_;
    next_lines_ += lines;
  }
  segment.end_sequence = next_sequence_;
  segment.lines_end = next_lines_;
  if (cursor_ && cursor_->number() == segment.number) cursor_->grow(segment.size);
}

Result<void> SpoolLog::make_room(uint64_t bytes) {
  const auto limit = static_cast<uint64_t>(settings_.bytes_max.value);
  for (;;) {
    uint64_t used = 0;
    for (const SpoolSegment& segment : segments_) used += segment.size;
    if (used + bytes <= limit) return {};
    if (!settings_.drop_oldest || !drop_one())
      return Error{Errc::kExhausted, 0, "spool-max is reached"};
  }
}

bool SpoolLog::has_hands_in(const SpoolSegment& segment) const {
  const auto first = in_hand_.lower_bound(segment.first_sequence);
  return first != in_hand_.end() && first->first < segment.end_sequence;
}

// The oldest segment of which nothing is being sent.
bool SpoolLog::drop_one() {
  for (SpoolSegment& segment : segments_) {
    if (segment.finished || has_hands_in(segment)) continue;
    since_start_.dropped_records += static_cast<int64_t>(segment.open_records());
    since_start_.dropped_lines += static_cast<int64_t>(segment.open_lines());
    if (is_written(segment)) writing_ = false;
    finish(segment, &segment == &segments_.front());
    tidy();
    return true;
  }
  return false;
}

SpoolSegment* SpoolLog::segment_of(uint64_t sequence) {
  for (SpoolSegment& segment : segments_) {
    if (sequence >= segment.first_sequence && sequence < segment.end_sequence) return &segment;
  }
  return nullptr;
}

void SpoolLog::remove(uint64_t sequence, Lines lines) {
  SLUICE_CHECK(in_hand_.erase(sequence) == 1, "only what was handed out is done with");
  SpoolSegment* const segment = segment_of(sequence);
  SLUICE_CHECK(segment != nullptr && !segment->finished, "what is in somebody's hands stays");
  const auto count = static_cast<uint64_t>(lines.value);
  SLUICE_CRASHPOINT("spool.note.before");
  // Without it the record is sent once more after the next start, under the same key.
  (void)disk_.note(segment->number, encode_note({sequence, count}), false);
  if (segment->done.emplace(sequence, count).second) segment->done_lines += count;
  tidy();
}

// Lets go of segments in which nothing is open.
void SpoolLog::tidy() {
  bool all_before = true;
  for (SpoolSegment& segment : segments_) {
    if (!segment.finished && segment.open_records() == 0 && (all_before || !is_written(segment))) {
      // Nothing stays behind when all is delivered: the next outage begins a new one.
      if (is_written(segment)) writing_ = false;
      finish(segment, all_before);
    }
    all_before = all_before && segment.finished;
  }
  while (!segments_.empty() && segments_.front().finished) {
    const SpoolSegment& first = segments_.front();
    SLUICE_CRASHPOINT("spool.remove.before");
    (void)(first.damaged ? disk_.set_aside(first.number) : disk_.remove(first.number));
    SLUICE_CRASHPOINT("spool.remove.after");
    if (cursor_ && cursor_->number() == first.number) cursor_.reset();
    segments_.pop_front();
  }
}

// Those before it must go first, for a hole between two segments means that one was lost.
void SpoolLog::finish(SpoolSegment& segment, bool is_first) {
  segment.finished = true;
  segment.done.clear();
  if (is_first || segment.damaged) return;
  if (!disk_.note(segment.number, encode_note({kWholeSegment, segment.first_sequence}), true))
    return;
  disk_.cut(segment.number, kSegmentHeadBytes);
  segment.size = std::min<uint64_t>(segment.size, kSegmentHeadBytes);
}

Result<SpooledParcel> SpoolLog::fetch() {
  Result<SpooledParcel> fetched{SpooledParcel{}};
  for (SpoolSegment& segment : segments_) {
    if (segment.finished || segment.number < cursor_number_) continue;
    if (!cursor_ || cursor_->number() != segment.number) {
      cursor_.emplace(disk_, segment.number, segment.size);
      cursor_sequence_ = segment.first_sequence;
      cursor_lines_ = segment.lines_before;
    }
    bool goes_on = true;
    while (goes_on && fetched && fetched->parcel == nullptr) goes_on = fetch_step(segment, fetched);
    if (!fetched || fetched->parcel != nullptr || is_written(segment)) break;
    cursor_number_ = segment.number + 1;
  }
  tidy();
  return fetched;
}

// False: the segment is through.
bool SpoolLog::fetch_step(SpoolSegment& segment, Result<SpooledParcel>& fetched) {
  const Result<std::optional<FoundRecord>> next = cursor_->next();
  if (!next) return pass_unreadable(segment, next.error(), fetched);
  read_failures_ = 0;
  const std::optional<FoundRecord>& found = *next;
  // What lies behind the end was written again elsewhere.
  if (!found || found->head.sequence >= segment.end_sequence) {
    cursor_->skip_rest();
    lose_until(segment, segment.end_sequence, segment.lines_end);
    return false;
  }
  const RecordHead& head = found->head;
  if (head.sequence < cursor_sequence_) return true;
  lose_until(segment, head.sequence, head.lines_before);
  if (segment.done.contains(head.sequence) || in_hand_.contains(head.sequence)) {
    cursor_sequence_ = head.sequence + 1;
    cursor_lines_ = head.lines_before + head.lines;
  } else {
    take(segment, *found, fetched);
  }
  return true;
}

void SpoolLog::take(SpoolSegment& segment, const FoundRecord& found,
                    Result<SpooledParcel>& fetched) {
  const RecordHead& head = found.head;
  const uint64_t lines_end = head.lines_before + head.lines;
  const auto payload = cursor_->payload(found);
  if (!payload && ++read_failures_ < kReadAttempts) {
    cursor_.emplace(disk_, segment.number, segment.size, found.offset);
    fetched = payload.error();
    return;
  }
  read_failures_ = 0;
  ParcelPtr parcel;
  if (payload && *payload) parcel = decode_parcel(head, **payload, texts_);
  if (parcel == nullptr) return lose_until(segment, head.sequence + 1, lines_end);
  cursor_sequence_ = head.sequence + 1;
  cursor_lines_ = lines_end;
  in_hand_[head.sequence] = head.lines;
  fetched = SpooledParcel{head.sequence, std::move(parcel)};
}

bool SpoolLog::pass_unreadable(SpoolSegment& segment, const Error& error,
                               Result<SpooledParcel>& fetched) {
  const bool gone = error.code == Errc::kNotFound;
  if (!gone && ++read_failures_ < kReadAttempts) {
    fetched = error;
    return true;
  }
  read_failures_ = 0;
  if (gone && is_written(segment)) writing_ = false;
  cursor_->skip_rest();
  lose_until(segment, segment.end_sequence, segment.lines_end);
  return false;
}

// Everything from the cursor to there is not what was written; but for what is in somebody's hands,
// which needs no disk any more, and what was delivered before.
void SpoolLog::lose_until(SpoolSegment& segment, uint64_t end_sequence, uint64_t lines_end) {
  if (end_sequence <= cursor_sequence_) return;
  uint64_t records = end_sequence - cursor_sequence_;
  uint64_t lines = lines_end > cursor_lines_ ? lines_end - cursor_lines_ : 0;
  for (const auto* safe : {&segment.done, &in_hand_}) {
    for (auto it = safe->lower_bound(cursor_sequence_);
         it != safe->end() && it->first < end_sequence; ++it) {
      --records;
      lines -= std::min(lines, it->second);
    }
  }
  cursor_sequence_ = end_sequence;
  cursor_lines_ = lines_end;
  if (records == 0) return;
  segment.damaged = true;
  segment.lost_records += records;
  segment.lost_lines += lines;
  since_start_.lost_records += static_cast<int64_t>(records);
  since_start_.lost_lines += static_cast<int64_t>(lines);
}

}  // namespace sluice

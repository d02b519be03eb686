// SPDX-License-Identifier: Apache-2.0
#include "flow/read/tail.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sluice/check.h"
#include "sluice/planted.h"

namespace sluice {

Tail::Tail(const TailSpec& spec, std::unique_ptr<TailOrigin> origin, const TailTimings& timings,
           MonoTime now)
    : id_(spec.tail),
      file_(spec.file),
      timings_(timings),
      origin_(std::move(origin)),
      position_(spec.start),
      marker_(spec.marker),
      // A file that shows nothing at its first look is cold at once: ten thousand idle files at
      // start are read once each and then cost nothing.
      last_growth_(now - timings.hot_for),
      mode_(spec.waits ? TailMode::kAwaitAck : TailMode::kReady),
      is_rotated_(spec.rotated) {
  SLUICE_CHECK(marker_.size <= Marker::kBytesMax && int64_t{marker_.size} <= position_.value,
               "a marker lies before its position");
}

bool Tail::inside_line() const {
  return position_.value > 0 && marker_.size > 0 && marker_.bytes[marker_.size - 1] != '\n';
}

ReadWish Tail::begin_read(MonoTime now) {
  SLUICE_CHECK(mode_ == TailMode::kReady, "one read in flight per tail");
  mode_ = TailMode::kReading;
  woken_ = false;
  ReadWish wish;
  const bool rested = is_rotated_ && (now >= last_growth_ + timings_.partial_grace ||
                                      planted(Planted::kPartialWithoutGrace));
  const bool more_is_there = std::exchange(more_is_there_, false);
  wish.asks_for_end = rested && unfinished_bytes_ > 0 && !end_is_certain_ && probe_at_ == 0 &&
                      !oversize_ && !more_is_there;
  if (wish.asks_for_end) {
    wish.offset = seen_end();
    return wish;
  }
  wish.offset = position_ - Bytes(marker_.size - probe_at_);
  wish.marker_bytes = marker_.size - probe_at_;
  if (hole_end_ > position_) {
    wish.offset = hole_end_;
    wish.marker_bytes = 0;
    wish.behind_hole = true;
  }
  wish.oversize = oversize_;
  wish.flush_unfinished = rested && end_is_certain_;
  wish.unfinished_bytes = unfinished_bytes_;
  return wish;
}

Look Tail::look(std::span<const uint8_t> head) const {
  SLUICE_CHECK(mode_ == TailMode::kReading, "only a read can be looked at");
  if (hole_end_ > position_) return Look::kSame;  // the read behind it compares
  if (probe_at_ > 0) return head.empty() ? Look::kReplaced : Look::kDoubtful;
  if (head.empty() && marker_.size > 0) return Look::kReplaced;
  const size_t bytes = std::min<size_t>(head.size(), marker_.size);
  const bool same = std::memcmp(head.data(), marker_.bytes.data(), bytes) == 0;
  if (!same && !planted(Planted::kTruncationBySizeOnly)) return Look::kReplaced;
  return bytes < marker_.size ? Look::kDoubtful : Look::kSame;
}

void Tail::remember(std::span<const uint8_t> before) {
  const size_t size = std::min<size_t>(before.size(), Marker::kBytesMax);
  std::memcpy(marker_.bytes.data(), before.data() + (before.size() - size), size);
  marker_.size = static_cast<uint32_t>(size);
}

void Tail::took(Bytes bytes, std::span<const uint8_t> before, MonoTime now) {
  SLUICE_CHECK(mode_ == TailMode::kReading, "only a read can take bytes");
  SLUICE_CHECK(bytes > Bytes(0) && int64_t(before.size()) >= bytes.value, "a cut moves forward");
  remember(before);
  position_ += bytes;
  set_unfinished(0);
  last_growth_ = now;
  oversize_ = false;
  const bool waits = origin_->ordered && !planted(Planted::kOrderedWithoutAck);
  mode_ = waits ? TailMode::kAwaitAck : TailMode::kReady;
}

void Tail::reached_end(size_t unfinished_bytes, MonoTime now) {
  SLUICE_CHECK(mode_ == TailMode::kReading || mode_ == TailMode::kReady, "an end follows a read");
  if (unfinished_bytes > unfinished_bytes_) last_growth_ = now;
  hole_end_ = FileOffset(0);
  set_unfinished(unfinished_bytes);
  oversize_ = false;
  rest(now);
}

// At the end of the file: look on the tick for a while, then wait to be woken.
void Tail::rest(MonoTime now) {
  if (woken_) {
    mode_ = TailMode::kReady;
    woken_ = false;
    return;
  }
  const bool flush_pending = is_rotated_ && unfinished_bytes_ > 0;
  const bool grew_lately = !yields_ && now < last_growth_ + timings_.hot_for;
  mode_ = flush_pending || grew_lately ? TailMode::kHot : TailMode::kCold;
  if (mode_ == TailMode::kCold) yields_ = false;
}

void Tail::needs_more_room() {
  SLUICE_CHECK(mode_ == TailMode::kReading, "only a read can be too small");
  oversize_ = true;
  mode_ = TailMode::kReady;
}

void Tail::read_failed(MonoTime now) {
  SLUICE_CHECK(mode_ == TailMode::kReading, "only a read can fail");
  hole_end_ = FileOffset(0);
  mode_ = TailMode::kPaused;
  paused_until_ = now + timings_.retry_delay;
}

void Tail::read_void() {
  SLUICE_CHECK(mode_ == TailMode::kReading, "only a read can be void");
  mode_ = TailMode::kReady;
}

void Tail::read_short(size_t bytes) {
  read_void();
  SLUICE_CHECK(bytes > 0 && bytes <= marker_.size, "a short read ends inside the marker");
  // After a probe that found more, the whole marker is compared again: it may be another content.
  probe_at_ = probe_at_ > 0 ? 0 : static_cast<uint32_t>(bytes);
}

// What lies behind belongs to the unfinished line, or ends it: its grace begins anew. It may be
// over again when the destination takes the next read, which then must not ask once more.
void Tail::told_end(bool file_ends, MonoTime now) {
  read_void();
  end_is_certain_ = file_ends && !woken_;
  more_is_there_ = !file_ends;
  if (!file_ends) last_growth_ = now;
}

void Tail::set_unfinished(size_t bytes) {
  if (bytes != unfinished_bytes_) end_is_certain_ = false;
  unfinished_bytes_ = bytes;
}

void Tail::found_hole(FileOffset end) {
  read_void();
  SLUICE_CHECK(end > position_, "a hole has a length");
  hole_end_ = end;
}

void Tail::passed_hole(FileOffset end, MonoTime now) {
  read_void();
  SLUICE_CHECK(end - position_ >= Bytes(Marker::kBytesMax), "a hole has a marker's length");
  position_ = end;
  marker_ = Marker{};
  marker_.size = Marker::kBytesMax;
  hole_end_ = FileOffset(0);
  set_unfinished(0);
  oversize_ = false;
  last_growth_ = now;
}

Bytes Tail::replaced(std::unique_ptr<TailOrigin> origin, MonoTime now) {
  SLUICE_CHECK(mode_ == TailMode::kReading, "only a read can find other content");
  SLUICE_CHECK(origin->epoch > origin_->epoch, "epochs grow");
  const Bytes missed(static_cast<int64_t>(unfinished_bytes_));
  old_origins_.push_back(std::move(origin_));
  origin_ = std::move(origin);
  position_ = FileOffset(0);
  hole_end_ = FileOffset(0);
  probe_at_ = 0;
  marker_ = Marker{};
  set_unfinished(0);
  oversize_ = false;
  last_growth_ = now;
  mode_ = TailMode::kReady;
  return missed;
}

void Tail::rewind(FileOffset position, std::span<const uint8_t> before) {
  SLUICE_CHECK(mode_ == TailMode::kAwaitAck, "only ordered tails are rewound");
  SLUICE_CHECK(position < position_, "a rewind goes back");
  position_ = position;
  end_is_certain_ = false;
  remember(before);
}

void Tail::wake(MonoTime now) {
  last_growth_ = now;
  end_is_certain_ = false;
  yields_ = false;
  if (mode_ == TailMode::kCold || mode_ == TailMode::kHot) mode_ = TailMode::kReady;
  if (mode_ == TailMode::kReading) woken_ = true;
}

// One more read tells that it is the end.
void Tail::yield() {
  if (mode_ == TailMode::kCold) return;
  yields_ = true;
  if (mode_ == TailMode::kHot) mode_ = TailMode::kReady;
}

void Tail::rotated(MonoTime now) {
  is_rotated_ = true;
  wake(now);
}

void Tail::acked(Epoch epoch, FileOffset offset) {
  if (mode_ != TailMode::kAwaitAck) return;
  if (epoch == origin_->epoch && offset >= position_) mode_ = TailMode::kReady;
}

void Tail::tick(MonoTime now) {
  if (mode_ == TailMode::kHot) mode_ = TailMode::kReady;
  if (mode_ == TailMode::kPaused && now >= paused_until_) mode_ = TailMode::kReady;
}

bool Tail::sweep_origins() {
  std::erase_if(old_origins_, [](const std::unique_ptr<TailOrigin>& origin) {
    return origin->blocks_out.load(std::memory_order_acquire) == 0;
  });
  return old_origins_.empty();
}

bool Tail::quiet() const {
  const auto out = [](const std::unique_ptr<TailOrigin>& origin) {
    return origin->blocks_out.load(std::memory_order_acquire) != 0;
  };
  return !out(origin_) && std::none_of(old_origins_.begin(), old_origins_.end(), out);
}

}  // namespace sluice

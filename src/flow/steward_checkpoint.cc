// SPDX-License-Identifier: Apache-2.0
// What is stored: how far each tail is acknowledged, and how the file will be known again.
#include <algorithm>
#include <utility>

#include "flow/discover/evidence.h"
#include "flow/steward.h"
#include "sluice/planted.h"

namespace sluice {

void Steward::rows_changed() {
  store_at_ = std::min(store_at_, now_ + settings_.checkpoint_interval);
}

// What no row speaks of is nobody's after a crash: a file that is renamed while the agent is down
// is not found, and `from: end` skips what was written meanwhile. So new rows do not wait for the
// interval. A store that fails is left alone until its next regular attempt.
void Steward::row_added() {
  rows_changed();
  if (store_works_) new_rows_at_ = std::min(new_rows_at_, std::max(now_, stored_ + kNewRowPause));
}

void Steward::mark_dirty(FollowedTail& tail) {
  if (!std::exchange(tail.dirty, true)) dirty_.push_back(tail.id);
  rows_changed();
}

// At full speed the interval alone would leave a hundred megabytes to be delivered twice. A store
// that fails is left alone until its next regular attempt.
void Steward::count_exposed(Bytes committed) {
  exposed_ += committed;
  const Bytes for_rows = settings_.exposed_bytes_per_row * static_cast<int64_t>(dirty_.size());
  if (store_works_ && exposed_ >= std::max(settings_.exposed_bytes, for_rows)) store_at_ = now_;
}

Result<void> Steward::store_now() {
  store_at_ = kNever;
  exposed_ = Bytes(0);
  for (TailId id : std::exchange(dirty_, {})) {
    FollowedTail* tail = files_.find(id);
    if (tail == nullptr) continue;
    tail->dirty = false;
    if (update_row(*tail) != RowUpdate::kDone) mark_dirty(*tail);
  }
  return commit_rows();
}

Result<void> Steward::commit_rows() {
  new_rows_at_ = kNever;
  stored_ = now_;
  if (!rows_.changed()) return {};
  const Result<void> stored = rows_.commit(world_.store);
  store_works_ = stored.ok();
  if (stored.ok()) {
    world_.metrics.checkpoints.add();
    return stored;
  }
  world_.metrics.checkpoint_errors.add();
  world_.log.event(Severity::kError, "checkpoint.store",
                   "positions cannot be stored and are tried again; delivery goes on, but a crash "
                   "now would repeat lines; check space and permissions of the state directory",
                   {{"reason", stored.error().message()}});
  rows_changed();
  return stored;
}

// Writes the tail's position into its row, with proof of the content before it. The proof is what
// the shard read when it took those bytes; the disk must still show it, or else the content was
// replaced since: a row that puts an offset of the old content beside a proof of the new one would
// skip lines after a crash. The head is read first: if the bytes before the offset are the old
// ones after that, so was the head. If they are not, the shard will find out and say so.
Steward::RowUpdate Steward::update_row(FollowedTail& tail) {
  CheckpointRow row = rows_.at(tail.row);
  const FollowedFile& file = files_.at(tail.file);
  const FileOffset committed = tail.window.committed();
  const auto head = read_head(world_.disk, file.handle);
  const auto marker = read_marker(world_.disk, file.handle, committed);
  const auto stat = world_.disk.stat(file.handle);
  if (!marker.ok() && marker.error().code == Errc::kNotFound) return RowUpdate::kReplaced;
  if (!head.ok() || !marker.ok() || !stat.ok()) return RowUpdate::kUnreadable;
  // Before the first ack only the head can tell: lines of the old content may be on the road.
  const bool rests = !tail.hot && tail.rest_end <= committed + tail.rest_unfinished;
  const bool shown = committed == FileOffset(0) ? rests || head_matches(row.identity, *head)
                                                : marker_hash(*marker) == tail.window.proof();
  const bool proven = shown || planted(Planted::kCheckpointBeforeProof);
  if (!proven) return RowUpdate::kReplaced;
  if (!file.unpacking) tail.ledger.saw_size(stat->size);
  if (committed > FileOffset(0)) tail.proven_at = stat->modified;
  row.ledger = tail.ledger.stored(committed);
  // The scratch file is not what the row speaks of.
  if (file.packed_in.empty()) row.identity = identify(*stat, *head);
  row.epoch = tail.window.epoch();
  row.offset = committed;
  row.marker_bytes = marker->size;
  row.marker_hash = marker_hash(*marker);
  row.updated = wall_;
  if (planted(Planted::kLostPartialOnStop) && stopping_) row.offset += tail.rest_unfinished;
  rows_.put(row);
  return RowUpdate::kDone;
}

// The content was replaced, and no shard is left to find out. The row gets what was delivered of
// the old one: who compares it with the file will see another content, even where the position that
// was stored last lies in a part that both have, and begin the next epoch. In the same epoch the
// new lines would get the ids of those that lay there before.
void Steward::end_row(FollowedTail& tail) {
  CheckpointRow row = rows_.at(tail.row);
  const FileOffset committed = tail.window.committed();
  row.ledger = tail.ledger.stored(committed);
  row.epoch = tail.window.epoch();
  row.offset = committed;
  row.marker_bytes = static_cast<uint32_t>(std::min<int64_t>(committed.value, Marker::kBytesMax));
  row.marker_hash = tail.window.proof();
  row.updated = wall_;
  rows_.put(row);
}

// The content was replaced: what the row proves is over.
void Steward::restart_row(FollowedTail& tail) {
  CheckpointRow row = rows_.at(tail.row);
  FollowedFile& file = files_.at(tail.file);
  const auto stat = world_.disk.stat(file.handle);
  const auto head = read_head(world_.disk, file.handle);
  if (!file.packed_in.empty()) {
    row.identity = file.identity;
  } else if (stat.ok() && head.ok()) {
    row.identity = identify(*stat, *head);
  } else {
    row.identity.head_bytes = 0;
    row.identity.head_hash = 0;
  }
  file.identity = row.identity;
  tail.content_since = std::exchange(tail.proven_at, {});
  row.ledger = tail.ledger.stored(FileOffset(0));
  row.epoch = tail.window.epoch();
  row.ids = {};
  row.offset = FileOffset(0);
  row.marker_bytes = 0;
  row.marker_hash = 0;
  row.updated = wall_;
  rows_.put(row);
  tail.marks.clear();
  tail.rest_end = FileOffset(0);  // it spoke of the old content
  tail.rest_unfinished = Bytes(0);
  mark_dirty(tail);
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// What is stored: how far each tail is acknowledged, and how the file will be known again.
#include <algorithm>
#include <utility>

#include "flow/discover/evidence.h"
#include "flow/steward.h"

namespace sluice {

void Steward::rows_changed() {
  store_at_ = std::min(store_at_, now_ + settings_.checkpoint_interval);
}

void Steward::mark_dirty(FollowedTail& tail) {
  if (!std::exchange(tail.dirty, true)) dirty_.push_back(tail.id);
  rows_changed();
}

Result<void> Steward::store_now() {
  store_at_ = kNever;
  for (TailId id : std::exchange(dirty_, {})) {
    FollowedTail* tail = files_.find(id);
    if (tail == nullptr) continue;
    tail->dirty = false;
    if (!update_row(*tail)) mark_dirty(*tail);
  }
  if (!rows_.changed()) return {};
  const Result<void> stored = rows_.commit(world_.store);
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

// Writes the tail's position into its row, with proof of the content before it. The proof is read
// from the disk now, and the content may have been replaced since the shard read it; storing an
// offset of the old content with a proof of the new one would skip lines after a crash. So first
// the new proof is read and then the old one checked again: if that still holds, nothing was
// replaced before the reading. False if it does not: the shard will find out and say so.
bool Steward::update_row(FollowedTail& tail) {
  CheckpointRow row = rows_.at(tail.row);
  const FollowedFile& file = files_.at(tail.file);
  const FileOffset committed = tail.window.committed();
  const auto marker = read_marker(world_.disk, file.handle, committed);
  const auto head = read_head(world_.disk, file.handle);
  if (!marker.ok() || !head.ok()) return false;
  const auto proof = marker_reader(world_.disk, file.handle);
  const bool old_holds =
      head_matches(row.identity, *head) &&
      (row.marker_bytes == 0 || proof(row.offset, row.marker_bytes) == row.marker_hash);
  const auto stat = world_.disk.stat(file.handle);
  if (!stat.ok() || FileOffset(stat->size.value) < committed) return false;
  // An old proof that fails although the shard read on, beyond what was there when it first failed,
  // and found its own marker intact: somebody edits the head in place. That is no new content.
  const bool read_on = tail.doubt > FileOffset(0) && committed > tail.doubt;
  if (!old_holds && !read_on) {
    if (tail.doubt == FileOffset(0)) tail.doubt = FileOffset(stat->size.value);
    return false;
  }
  tail.doubt = FileOffset(0);
  row.identity = identify(*stat, *head);
  row.epoch = tail.window.epoch();
  row.offset = committed;
  row.marker_bytes = marker->size;
  row.marker_hash = marker_hash(*marker);
  row.updated = wall_;
  rows_.put(row);
  return true;
}

// The content was replaced: what the row proves is over.
void Steward::restart_row(FollowedTail& tail) {
  CheckpointRow row = rows_.at(tail.row);
  FollowedFile& file = files_.at(tail.file);
  const auto stat = world_.disk.stat(file.handle);
  const auto head = read_head(world_.disk, file.handle);
  if (stat.ok() && head.ok()) {
    row.identity = identify(*stat, *head);
  } else {
    row.identity.head_bytes = 0;
    row.identity.head_hash = 0;
  }
  file.identity = row.identity;
  row.epoch = tail.window.epoch();
  row.offset = FileOffset(0);
  row.marker_bytes = 0;
  row.marker_hash = 0;
  row.updated = wall_;
  rows_.put(row);
  tail.doubt = FileOffset(0);
  tail.marks.clear();
  mark_dirty(tail);
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// What shards and parcels say about tails, and when a file is let go.
#include <algorithm>
#include <utility>

#include "flow/steward.h"
#include "sluice/planted.h"

namespace sluice {

void Steward::release_span(const Span& span, Outcome outcome) {
  if (release_to_rest(span, outcome)) return;
  FollowedTail* tail = files_.find(span.tail);
  if (tail == nullptr) return;  // a late ack of a file that was let go
  const Epoch epoch = tail->window.epoch();
  const FileOffset before = tail->window.committed();
  const int64_t stale = tail->window.stale_releases();
  if (span.epoch > epoch) part_with_content(*tail, nullptr);  // the shard's word comes later
  const bool moved = tail->window.release(span);
  if (outcome == Outcome::kSkipped) {
    tail->ledger.skipped(span, tail->window);
  } else {
    tail->ledger.released(span, outcome == Outcome::kDropped, tail->window);
  }
  if (span.epoch < epoch) {
    mark_dirty(*tail);
    tell_acked(*tail, span.epoch, span.end);
  }
  if (tail->window.stale_releases() == stale && outcome != Outcome::kSkipped) {
    world_.metrics.acked_raw_bytes.add((span.end - span.begin).value);
  }
  if (!moved) return;
  // Its first lines may come home before the word about a new epoch is read.
  const bool same = tail->window.epoch() == epoch;
  if (!same) restart_row(*tail);
  mark_dirty(*tail);
  count_exposed(tail->window.committed() - (same ? before : FileOffset(0)));
  tell_acked(*tail, tail->window.epoch(), tail->window.committed());
  if (files_.at(tail->file).leaving) leaving_at_ = std::min(leaving_at_, now_ + kLeavingPause);
  const FollowedFile& file = files_.at(tail->file);
  if (!file.packed_in.empty() && !packed_.empty()) archives_at_ = now_;
}

// A hole holds no line: nobody needs to deliver what lies before its end.
void Steward::tail_skipped(const ShardReport& report) {
  Marker nuls;
  nuls.size = Marker::kBytesMax;
  Span span;
  span.tail = report.tail;
  span.epoch = report.epoch;
  span.begin = report.offset - report.missed;
  span.end = report.offset;
  span.end_proof = marker_hash(nuls);
  release_span(span, Outcome::kSkipped);
}

// The shard found nothing new for a while. It looks no more until it is woken, so what was written
// between its last look and now must not be missed: hints of it were ignored, the tail was hot.
void Steward::tail_cold(const ShardReport& report) {
  FollowedTail* tail = files_.find(report.tail);
  if (tail == nullptr) return;
  FollowedFile& file = files_.at(tail->file);
  tail->hot = false;
  if (file.state != FollowedFile::State::kOpen) return;
  const bool seen = look_at(file);
  const bool was_told =
      seen && tail->rest_size == file.size && tail->rest_modified == file.modified;
  // Not seen: whoever looks next finds that something changed.
  tail->rest_size = seen ? file.size : Bytes(-1);
  tail->rest_end = report.offset;
  tail->rest_unfinished = report.missed;
  tail->rest_modified = file.modified;
  if (!seen && file.leaving) leaving_at_ = std::min(leaving_at_, now_ + kLeavingPause);
  const bool looks = seen && !planted(Planted::kColdNotChecked);
  if (looks && FileOffset(file.size.value) != report.offset && !was_told) wake(*tail);
  const bool yielded = std::exchange(tail->yields, false);
  if (room_at_ != kNever)
    room_at_ = std::min(room_at_, now_ + (yielded ? kYieldPause : kRoomPause));
}

void Steward::tail_trouble(const ShardReport& report) {
  FollowedTail* tail = files_.find(report.tail);
  if (tail == nullptr) return;
  tail->trouble_errno = report.sys_errno;
  const std::string& path = files_.at(tail->file).path;
  world_.log.event(
      Severity::kError, "file.read:" + path,
      "reading the file fails; it is tried again until it works",
      {{"path", path}, {"reason", Error::from_errno("read", report.sys_errno).message()}});
}

void Steward::tail_refused(const ShardReport& report) {
  FollowedTail* tail = files_.find(report.tail);
  if (tail == nullptr) return;
  FollowedFile& file = files_.at(tail->file);
  if (std::exchange(file.refused, true)) return;
  world_.metrics.skipped_files.add();
  world_.log.event(Severity::kWarning, "file.compressed:" + file.path,
                   "the file is compressed, not text; skipped; leave such files out with exclude",
                   {{"path", file.path}});
  if (file.state == FollowedFile::State::kOpen) release(file);
}

void Steward::wake(FollowedTail& tail) {
  tail.hot = true;
  tail.yields = false;
  order(tail, ShardOrder::Kind::kWake);
}

// Takes a fresh look; false if the disk does not answer.
bool Steward::look_at(FollowedFile& file) {
  const auto stat = world_.disk.stat(file.handle);
  if (!stat.ok()) return false;
  const bool unlinked = stat->links == 0;
  const bool changed = stat->size != file.size || stat->modified != file.modified;
  if (changed || unlinked != file.unlinked) file.quiet_since = now_;
  if (stat->size < file.size) begin_cut(file, file.size);
  for (TailId id : file.tails) files_.at(id).ledger.saw_size(stat->size);
  file.looked_at = now_;
  file.size = stat->size;
  file.modified = stat->modified;
  file.unlinked = unlinked;
  learn_head(file);
  return true;
}

// What hints forgot: growth of quiet files, by any name or none.
void Steward::look_at_open_files() {
  std::vector<std::string> grown;
  std::vector<FileKey> incomplete;
  for (auto& [key, file] : files_.files()) {
    if (file.state == FollowedFile::State::kParked) {
      const auto stat = world_.disk.stat(file.names.front());
      const bool same = stat.ok() && key_of(*stat) == key && stat->size == file.size &&
                        stat->modified == file.modified;
      if (stat.ok() && !same) grown.push_back(file.names.front());
      continue;
    }
    if (file.state != FollowedFile::State::kOpen) continue;
    const bool all_hot = std::all_of(file.tails.begin(), file.tails.end(),
                                     [&](TailId id) { return files_.at(id).hot; });
    if (file.incomplete) incomplete.push_back(key);
    if (!look_at(file) || (all_hot && !file.leaving)) continue;
    for (TailId id : file.tails) {
      FollowedTail& tail = files_.at(id);
      // A read may end before the file does (a signal, a network): twice in the same place, and the
      // shard is told no more that there is more.
      const bool same = tail.rest_size == file.size && tail.rest_modified == file.modified &&
                        tail.rest_end == FileOffset(file.size.value);
      if (!tail.hot && !same) wake(tail);
    }
  }
  for (const FileKey& key : incomplete) {
    FollowedFile& file = files_.at(key);
    file.incomplete = false;
    // It may have lost its name since; the patterns that wanted that one are still asked.
    std::vector<std::string> names = file.names;
    if (names.empty()) names.push_back(file.path);
    for (const std::string& name : names) serve_sources(file, name, false);
    if (file.leaving) leaving_at_ = std::min(leaving_at_, now_ + kLeavingPause);
  }
  for (const std::string& path : grown) open_path(path);
  settle_names();
}

// A file without a name is let go when it is delivered to its end and has been quiet for a while.
// Never by time alone: what is not acknowledged keeps it open.
void Steward::check_leaving() {
  if (now_ < leaving_at_) return;
  leaving_at_ = kNever;
  std::vector<FileKey> done;
  for (const FileKey& key : leaving_) {
    FollowedFile& file = files_.at(key);
    if (file.state != FollowedFile::State::kOpen || file.unpacking) continue;
    if (!look_at(file) || cut_pending(key)) {  // the disk, or a shard, has not answered
      leaving_at_ = std::min(leaving_at_, now_ + kLeavingPause);
      continue;
    }
    for (TailId id : file.tails) {
      FollowedTail& tail = files_.at(id);
      if (!tail.hot && tail.rest_size != file.size) wake(tail);
    }
    const bool drop = planted(Planted::kDropWhenUnlinked) && file.unlinked;
    // Nobody writes to what was unpacked, and others wait for its descriptor.
    const Duration quiet = !file.packed_in.empty() ? Duration(0)
                           : file.unlinked         ? kUnlinkedQuiet
                                                   : kRenamedQuiet;
    const MonoTime due = file.quiet_since + quiet;
    if (planted(Planted::kTimerGivesUp)) leaving_at_ = std::min(leaving_at_, due);
    const bool over = planted(Planted::kTimerGivesUp) && now_ >= due;
    // An ack sets the time of the next look.
    if (!files_.acked_to_size(file) && !drop && !over) continue;
    if (now_ >= due || drop) {
      done.push_back(key);
    } else {
      leaving_at_ = std::min(leaving_at_, due);
    }
  }
  for (const FileKey& key : done) release(files_.at(key));
}

// Gives descriptors of quiet, delivered files to files that wait for one.
void Steward::make_room() {
  if (now_ < room_at_) return;
  room_at_ = kNever;
  retry_unopened(true);
  follow_left_rows();
  if (members_want_room_ > 0) chains_at_ = now_;
  if (archives_want_room_ > 0) archives_at_ = now_;
  if (rests_want_room_ > 0) rests_at_ = now_;
  search_rests();
  if (held_want_room_ > 0) look_at_held();
  search_chains();
  auto wanted = std::count_if(unopened_.begin(), unopened_.end(),
                              [](const auto& each) { return each.second.wants_room; });
  wanted += left_rows_want_room_ + members_want_room_ + archives_want_room_ + rests_want_room_ +
            held_want_room_;
  if (wanted == 0) return;
  room_at_ = now_ + kRoomPause;
  for (const FileKey& key : choose_victims(wanted)) release(files_.at(key));
}

// Quiet files first. One that is delivered to its end but grew lately is asked to come to rest: its
// shard may be reading on, and what it reads then would be sent again.
std::vector<FileKey> Steward::choose_victims(int64_t wanted) {
  std::vector<FileKey> victims, delivered;
  for (auto& [key, file] : files_.files()) {
    if (wanted <= 0) break;
    if (file.state == FollowedFile::State::kReleasing) --wanted;  // on its way already
    // What grows by its name or beside it is found again. An unlinked file, one that went to
    // another directory, and one whose link has another target by now have no second chance.
    if (file.state != FollowedFile::State::kOpen) continue;
    const bool quiet = std::none_of(file.tails.begin(), file.tails.end(),
                                    [&](TailId id) { return files_.at(id).hot; });
    if (!quiet && !file.unlinked && files_.acked_to_size(file)) delivered.push_back(key);
    if (!quiet || !look_at(file) || !files_.can_rest(file)) continue;
    // That look may have found it truncated: its shards were asked and read the new content.
    if (cut_pending(key)) continue;
    if (file.unlinked || !can_return(file)) continue;
    victims.push_back(key);
    --wanted;
  }
  for (const FileKey& key : delivered) {
    if (--wanted < 0) break;
    for (TailId id : files_.at(key).tails) {
      FollowedTail& tail = files_.at(id);
      if (tail.hot && !std::exchange(tail.yields, true)) order(tail, ShardOrder::Kind::kYield);
    }
  }
  return victims;
}

void Steward::release(FollowedFile& file) {
  SLUICE_CHECK(file.state == FollowedFile::State::kOpen, "a file is let go once");
  for (TailId id : file.tails) {
    order(files_.at(id), ShardOrder::Kind::kRelease);
    files_.at(id).released = false;
  }
  // From here on no order may name its tails: the shard forgets them when it answers.
  file.state = FollowedFile::State::kReleasing;
  if (file.tails.empty()) close_file(file);
}

void Steward::tail_released(const ShardReport& report) {
  FollowedTail& tail = files_.at(report.tail);
  tail.released = true;
  FollowedFile& file = files_.at(tail.file);
  const bool all = std::all_of(file.tails.begin(), file.tails.end(),
                               [&](TailId id) { return files_.at(id).released; });
  if (all && !stopping_) close_file(file);
}

// The worst that any of its tails met.
Steward::RowUpdate Steward::update_rows(FollowedFile& file) {
  if (!look_at(file)) return RowUpdate::kUnreadable;
  RowUpdate worst = RowUpdate::kDone;
  for (TailId id : file.tails) {
    const RowUpdate updated = update_row(files_.at(id));
    if (updated == RowUpdate::kReplaced) end_row(files_.at(id));
    worst = std::max(worst, updated);
  }
  return worst;
}

void Steward::retry_closing() {
  if (now_ < closing_at_) return;
  closing_at_ = kNever;
  for (const FileKey& key : std::exchange(closing_, {})) close_file(files_.at(key));
}

// Lines in it are read by nobody, so nothing of it may wait for delivery or be remembered.
void Steward::drop_refused(FollowedFile& file) {
  for (TailId id : std::vector<TailId>(file.tails)) {
    const int64_t row = files_.at(id).row;
    files_.remove_tail(id);
    rows_.detach(row);
    rows_.erase(row);
  }
  rows_changed();
  world_.disk.close(std::exchange(file.handle, FileHandle{}));
  --open_files_;
  leaving_.erase(file.key);
  if (unpacked_.erase(file.key) > 0) archives_at_ = now_;
  if (room_at_ != kNever) room_at_ = now_;
  files_.remove_file(file.key);
}

void Steward::close_file(FollowedFile& file) {
  if (file.refused) return drop_refused(file);
  const RowUpdate updated = update_rows(file);
  // Without its row the file would be delivered again.
  if (updated == RowUpdate::kUnreadable && !planted(Planted::kClosedWithoutRow)) {
    closing_.push_back(file.key);
    closing_at_ = now_ + kRoomPause;
    return;
  }
  if (!file.packed_in.empty()) {
    const bool all = updated == RowUpdate::kDone && files_.acked_to_size(file);
    return close_unpacked(file, all);
  }
  // Unlinked while the shards let go: nothing finds it again, and its writer may not know yet.
  const bool too_soon = file.unlinked && now_ < file.quiet_since + kUnlinkedQuiet;
  const bool lost = (planted(Planted::kDropWhenUnlinked) && file.unlinked) ||
                    (planted(Planted::kTimerGivesUp) && file.names.empty()) ||
                    (planted(Planted::kClosedWithoutRow) && updated == RowUpdate::kUnreadable);
  // Grown or truncated while the shards let go: then it goes on with new tails. A truncated file
  // is smaller than what was delivered of it, and not one byte of the new content may have been.
  // One that went to another directory meanwhile has no second chance; whether it did is the last
  // question to the disk.
  const bool parks = !file.names.empty() && !file.unlinked;
  const bool all_acked =
      updated == RowUpdate::kDone &&
      (parks ? files_.can_rest(file) && can_return(file) : files_.acked_to_size(file));
  const bool delivered = (all_acked && !too_soon) || lost;
  const bool gone = delivered && file.names.empty();
  for (TailId id : std::vector<TailId>(file.tails)) {
    FollowedTail& tail = files_.at(id);
    const int64_t number = tail.row;
    const SourceId source = tail.source;
    const DestinationId destination = tail.destination;
    files_.remove_tail(id);
    rows_.detach(number);
    if (!delivered && adopt(file, source, destination, false)) continue;
    if (delivered && !gone) continue;
    CheckpointRow row = rows_.at(number);
    row.gone = gone;
    row.updated = wall_;
    rows_.put(row);
    leave_row(number, file.unlinked, now_);
  }
  if (gone && file.unlinked) forget_generations(file.path);
  rows_changed();
  file.state = FollowedFile::State::kOpen;
  // What was emptied has nothing to be acknowledged: nobody else would ask for the next look.
  if (!delivered && file.leaving) leaving_at_ = std::min(leaving_at_, now_ + kLeavingPause);
  if (!delivered) return;
  world_.disk.close(std::exchange(file.handle, FileHandle{}));
  --open_files_;
  leaving_.erase(file.key);
  if (room_at_ != kNever) room_at_ = now_;
  if (!gone) {
    file.state = FollowedFile::State::kParked;
    return;
  }
  world_.metrics.files_retired.add();
  world_.log.event(Severity::kInfo, "file.retired", "the file is gone and delivered to its end",
                   {{"path", file.path}});
  files_.remove_file(file.key);
}

Survey Steward::sum_up() {
  Survey survey;
  survey.tails = files_.tails().size();
  survey.open_files = open_files_;
  survey.files = files_.files().size() + unopened_.size();
  for (auto& [key, file] : files_.files()) {
    const bool at_rest = std::all_of(file.tails.begin(), file.tails.end(), [&](TailId id) {
      const FollowedTail& tail = files_.at(id);
      return !tail.hot && tail.acked_to(tail.rest_size) && tail.rest_size >= Bytes(0);
    });
    // Files at rest are not looked at: a hint wakes them, and ten thousand of them would cost 5 ms.
    if (!at_rest && file.handle.valid()) look_at(file);
    for (TailId id : file.tails) {
      FollowedTail& tail = files_.at(id);
      const FileOffset size(file.size.value), committed = tail.window.committed();
      if (size > committed) {
        survey.lag += size - committed;
        ++survey.tails_behind;
      }
      survey.lag_age = std::max(survey.lag_age, age_behind(tail.marks, committed, size, now_));
    }
  }
  for (const auto& [number, packed] : packed_) {
    const CheckpointRow& row = rows_.at(number);
    const Bytes rest = row.ledger.seen - (row.offset - FileOffset(0));
    // Of a copy nobody knows yet whether it is in there.
    if (!packed.file && rest > Bytes(0) && !rests_.contains(number)) survey.lag += rest;
  }
  for (const auto& [path, unopened] : unopened_) {
    if (!unopened.wants_room) continue;
    if (const auto stat = world_.disk.stat(path); stat.ok()) survey.lag += stat->size;
  }
  return survey;
}

Survey Steward::survey(MonoTime now) {
  now_ = now;
  const Survey survey = sum_up();
  world_.metrics.lag_bytes.set(survey.lag.value);
  world_.metrics.lag_ns.set(survey.lag_age.value);
  return survey;
}

}  // namespace sluice

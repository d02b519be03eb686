// SPDX-License-Identifier: Apache-2.0
// A file is truncated: what its tails took of the old content, and what they did not. The word
// comes from the shard that finds other bytes before its position, or from a look that finds the
// file smaller than it was; the other tails are asked, for a tail that has read nothing notices
// nothing.
#include <algorithm>
#include <utility>

#include "flow/discover/evidence.h"
#include "flow/steward.h"

namespace sluice {

void Steward::begin_cut(FollowedFile& file, Bytes size) {
  if (file.state != FollowedFile::State::kOpen || stopping_ || file.tails.empty()) return;
  if (cut_pending(file.key)) return;
  Cut& cut = new_cut(file, size);
  for (TailId id : cut.pending) ask_place(files_.at(id));
}

Cut& Steward::new_cut(FollowedFile& file, Bytes size) {
  Cut cut{
      .file = file.key, .head = file.identity, .size = size, .pending = file.tails, .apart = {}};
  for (TailId id : file.tails) {
    const FollowedTail& tail = files_.at(id);
    const CheckpointRow& row = rows_.at(tail.row);
    // A row with an offset was written with the old content before its eyes.
    const bool proven = row.offset > FileOffset(0) && row.epoch == tail.window.epoch();
    if (proven && row.identity.head_bytes > cut.head.head_bytes) cut.head = row.identity;
  }
  cuts_.push_back(std::move(cut));
  return cuts_.back();
}

bool Steward::cut_pending(const FileKey& file) const {
  return std::any_of(cuts_.begin(), cuts_.end(), [&](const Cut& cut) { return cut.file == file; });
}

// The cut in which the tail has yet to say what it took; a new one if there is none.
Cut& Steward::cut_of(FollowedFile& file, TailId tail) {
  for (Cut& cut : cuts_) {
    const bool waits = std::erase(cut.pending, tail) > 0;
    if (cut.file == file.key && waits) return cut;
  }
  Cut& cut = new_cut(file, file.size);
  std::erase(cut.pending, tail);
  if (file.state == FollowedFile::State::kOpen) {
    for (TailId id : cut.pending) ask_place(files_.at(id));
  }
  return cut;
}

void Steward::ask_place(FollowedTail& tail) {
  tail.place_asked = true;
  ++tail.questions;
  tail.hot = true;
  order(tail, ShardOrder::Kind::kWhere);
}

void Steward::tail_new_epoch(const ShardReport& report) {
  FollowedTail* tail = files_.find(report.tail);
  if (tail == nullptr || report.epoch <= tail->parted_to) return;
  FollowedFile& file = files_.at(tail->file);
  Cut& cut = cut_of(file, tail->id);
  cut.replaced = true;
  const ContentProof taken{report.offset, report.marker.size, marker_hash(report.marker)};
  if (cut.proof.bytes < taken.bytes) cut.proof = taken;
  const Epoch ended(report.epoch.value - 1);
  const auto parted = forwards_.find({tail->id.value, ended.value});
  if (report.epoch > tail->window.epoch()) {
    set_taken(part_with_content(*tail, &cut), taken, report.missed);
    restart_tail(*tail, report.epoch);
  } else if (parted != forwards_.end() && rests_.contains(parted->second.row)) {
    set_taken(rests_.at(parted->second.row), taken, report.missed);  // its lines were faster
  } else {
    // Lines of a later content were faster: what was acked of this one nobody knows any more.
    Rest late(AckWindow(ended, taken.at, taken.hash));
    late.ledger = TailLedger(RowLedger{.begin = taken.at, .dropped = {}, .seen = {}});
    late.is_late = true;
    late.tail = tail->id;
    CheckpointRow row = rows_.at(tail->row);
    if (row.epoch != ended) row.ids = {};
    row.ids = seed_of(row);
    row.identity.head_bytes = 0;
    row.epoch = ended;
    row.offset = taken.at;
    row.marker_bytes = taken.bytes;
    row.marker_hash = taken.hash;
    late.origin_row = tail->row;
    late.file = file.key;
    set_taken(add_rest(std::move(row), std::move(late)), taken, report.missed);
  }
  tail->parted_to = report.epoch;
  rests_at_ = now_;
  if (file.leaving) leaving_at_ = std::min(leaving_at_, now_ + kLeavingPause);
}

// The shard says where it reads, and what it reads from now on is the present content.
void Steward::tail_place(const ShardReport& report) {
  FollowedTail* tail = files_.find(report.tail);
  if (tail == nullptr || --tail->questions > 0) return;  // asked again since
  tail->place_epoch = report.epoch;
  tail->place = {report.offset, report.marker.size, marker_hash(report.marker)};
  for (Cut& cut : cuts_) {
    if (std::erase(cut.pending, tail->id) > 0) settle_share(cut, *tail);
  }
  rests_at_ = now_;
  if (!held_.empty()) held_at_ = now_;
}

void Steward::settle_share(Cut& cut, FollowedTail& tail) {
  FollowedFile& file = files_.at(tail.file);
  if (file.state != FollowedFile::State::kOpen) return;
  if (tail.place_epoch < tail.window.epoch()) {
    // The shard has not noticed the truncation before this one: it took nothing since.
    tail.place = {};
    tail.place_epoch = tail.window.epoch();
    return cut.apart.push_back(tail.id);
  }
  bool unreadable = false;
  const auto present =
      marker_reader(world_.disk, file.handle, &unreadable)(tail.place.at, tail.place.bytes);
  if (unreadable) {
    cut.pending.push_back(tail.id);
    cut.asks_again = true;
    return;
  }
  if (tail.place.bytes == 0 || present == tail.place.hash) return cut.apart.push_back(tail.id);
  cut.replaced = true;
  if (cut.proof.bytes < tail.place.bytes) cut.proof = tail.place;
  tail.parted_to = Epoch(tail.place_epoch.value + 1);
  set_taken(part_with_content(tail, &cut), tail.place, Bytes(0));
  restart_tail(tail, tail.parted_to);
  order(tail, ShardOrder::Kind::kReplaced);
}

void Steward::settle_cuts() {
  for (Cut& cut : cuts_) {
    std::erase_if(cut.pending, [&](TailId tail) { return files_.find(tail) == nullptr; });
    std::erase_if(cut.apart, [&](TailId tail) { return files_.find(tail) == nullptr; });
    const FollowedFile* file = files_.find(cut.file);
    const bool open = file != nullptr && file->state == FollowedFile::State::kOpen;
    if (!cut.pending.empty())
      rests_at_ = std::min(rests_at_, now_ + (cut.asks_again ? kRestPause : kDoubtPause));
    if (!open || !std::exchange(cut.asks_again, false)) continue;
    for (TailId tail : cut.pending) ask_place(files_.at(tail));
  }
  for (Cut& cut : cuts_) {
    if (cut.pending.empty()) settle_cut(cut);
  }
  std::erase_if(cuts_, [](const Cut& cut) { return cut.pending.empty(); });
}

// Every tail has said what it took. Those that took nothing are owed all of the old content, if it
// is gone and not only its end.
void Steward::settle_cut(Cut& cut) {
  FollowedFile* file = files_.find(cut.file);
  if (file != nullptr && file->handle.valid() && !cut.apart.empty()) {
    const auto head = read_head(world_.disk, file->handle);
    const bool other_head = head.ok() && !head_matches(cut.head, *head);
    for (TailId id : cut.apart) {
      FollowedTail& tail = files_.at(id);
      const bool unread = tail.place.at == FileOffset(0) && tail.place_epoch == tail.window.epoch();
      const bool no_head = cut.head.head_bytes == 0 && cut.replaced && unread;
      if (other_head || no_head) leave_all(tail, cut);
    }
    if (head.ok()) set_head(*file, *head);
  }
  for (auto& [row, rest] : rests_) {
    if (rest.file == cut.file && rest.proof.bytes == 0) rest.proof = cut.proof;
  }
  if (!held_.empty()) held_at_ = now_;
}

// What is there now is another content than the one that was known.
void Steward::set_head(FollowedFile& file, std::span<const std::byte> head) {
  file.identity.head_bytes = static_cast<uint32_t>(head.size());
  file.identity.head_hash = content_hash(head);
}

// A file that was found small grows, and its head with it: a copy of it is known by that. Where
// the content was replaced by a longer one, no tail may have noticed.
void Steward::learn_head(FollowedFile& file) {
  const auto known = static_cast<int64_t>(file.identity.head_bytes);
  const bool grew = known < std::min<int64_t>(file.size.value, kHeadBytesMax);
  const bool open = file.state == FollowedFile::State::kOpen && file.packed_in.empty();
  if (!grew || !open || cut_pending(file.key)) return;
  const auto head = read_head(world_.disk, file.handle);
  if (!head.ok() || static_cast<int64_t>(head->size()) <= known) return;
  if (!head_matches(file.identity, *head)) return begin_cut(file, file.size);
  set_head(file, *head);
}

void Steward::leave_all(FollowedTail& tail, const Cut& cut) {
  CheckpointRow row = rows_.at(tail.row);
  row.ids = {};  // the tail goes on in this epoch, with theirs
  row.identity = cut.head;
  row.epoch = tail.window.epoch();
  row.offset = FileOffset(0);
  row.marker_bytes = 0;
  row.marker_hash = 0;
  Rest rest(AckWindow(row.epoch, row.offset));
  rest.ledger.goes_on_with(cut.size);
  rest.origin_row = tail.row;
  rest.tail = tail.id;
  rest.file = cut.file;
  rest.proof = cut.proof;
  rest.head_known = true;
  rest.seen_at = tail.content_since;
  row.ledger = rest.ledger.stored(row.offset);
  add_rest(std::move(row), std::move(rest));
  const bool unread = tail.place.at == FileOffset(0) && tail.window.committed() == FileOffset(0);
  if (!unread) return;
  tail.ledger.goes_on_with(files_.at(tail.file).size);
  restart_row(tail);
}

// From here on the tail's window and row are about what comes next.
Rest& Steward::part_with_content(FollowedTail& tail, const Cut* cut) {
  const FollowedFile& file = files_.at(tail.file);
  CheckpointRow row = rows_.at(tail.row);
  row.ids = seed_of(row);
  const bool proven = row.offset > FileOffset(0) && row.epoch == tail.window.epoch();
  if (!proven) row.identity = cut != nullptr ? cut->head : file.identity;
  row.epoch = tail.window.epoch();
  row.offset = tail.window.committed();
  row.marker_bytes = static_cast<uint32_t>(std::min<int64_t>(row.offset.value, Marker::kBytesMax));
  row.marker_hash = row.marker_bytes == 0 ? 0 : tail.window.proof();
  Rest rest(tail.window);
  rest.ledger = tail.ledger.part_with_generation();
  if (cut != nullptr) rest.ledger.goes_on_with(std::max(rest.ledger.seen(), cut->size));
  rest.origin_row = tail.row;
  rest.tail = tail.id;
  rest.file = file.key;
  rest.taken_known = false;
  // What was read of the head behind that offset may be of a content that was cut off there.
  rest.head_known = proven && FileOffset(row.identity.head_bytes) <= row.offset;
  rest.copies = copies_of(tail);
  rest.seen_at = tail.content_since;
  row.ledger = rest.ledger.stored(row.offset);
  Rest& added = add_rest(std::move(row), std::move(rest));
  forwards_[{tail.id.value, tail.window.epoch().value}] = {.row = added.row,
                                                           .taken = FileOffset(INT64_MAX)};
  world_.log.event(Severity::kInfo, "file.truncated",
                   "the file was truncated or its content replaced; it is read from its beginning",
                   {{"path", file.path}});
  return added;
}

// `behind`: bytes of an unfinished line that were seen and not taken.
void Steward::set_taken(Rest& rest, const ContentProof& taken, Bytes behind) {
  rest.taken = std::max(taken.at, rest.window.committed());
  rest.taken_known = true;
  if (taken.bytes > 0) rest.proof = taken;
  const Bytes seen = rest.taken - FileOffset(0) + behind;
  rest.ledger.goes_on_with(std::max(rest.ledger.seen(), seen));
  CheckpointRow row = rows_.at(rest.row);
  row.ledger = rest.ledger.stored(row.offset);
  rows_.put(row);
  const auto forward = forwards_.find({rest.tail.value, rest.window.epoch().value});
  if (forward == forwards_.end() || forward->second.row != rest.row) return;
  forward->second.taken = rest.taken;
  forward->second.end_proof = taken.hash;
  if (rest.window.committed() >= rest.taken) forwards_.erase(forward);
}

void Steward::restart_tail(FollowedTail& tail, Epoch epoch) {
  if (tail.window.start_epoch(epoch)) restart_row(tail);
  mark_dirty(tail);
}

// The content was replaced while nobody followed the file, or while shards let go of it.
void Steward::rest_of_row(const FollowedFile& file, const CheckpointRow& over) {
  Rest rest(AckWindow(over.epoch, over.offset, over.marker_hash));
  RowLedger ledger = over.ledger;
  ledger.past.clear();
  rest.ledger = TailLedger(ledger);
  rest.origin_row = over.row;
  rest.file = file.key;
  rest.taken = over.offset;
  rest.proof = {over.offset, over.marker_bytes, over.marker_hash};
  rest.head_known = over.offset >= FileOffset(over.identity.head_bytes);
  rest.reason = MissedReason::kReplaced;
  CheckpointRow row = over;
  row.ids = seed_of(row);
  row.ledger = ledger;
  add_rest(std::move(row), std::move(rest));
}

Rest& Steward::add_rest(CheckpointRow row, Rest rest) {
  row.identity.device = 0;
  row.identity.inode = 0;
  row.gone = false;
  rest.row = rows_.add(std::move(row), wall_).row;
  rows_changed();
  rests_at_ = now_;
  return rests_.emplace(rest.row, std::move(rest)).first->second;
}

// At start: an earlier run did not come to the end of the search.
void Steward::load_rest(const CheckpointRow& row) {
  Rest rest(AckWindow(row.epoch, row.offset, row.marker_hash));
  rest.ledger = TailLedger(row.ledger);
  rest.row = row.row;
  rest.taken = row.offset;
  rest.proof = {row.offset, row.marker_bytes, row.marker_hash};
  rests_.emplace(row.row, std::move(rest));
  rests_at_ = now_;
}

// Lines of a content that is over; its acks are counted where the content goes on.
bool Steward::release_to_rest(const Span& span, Outcome outcome) {
  const auto found = forwards_.find({span.tail.value, span.epoch.value});
  if (found == forwards_.end() || span.begin >= found->second.taken) return false;
  const Forward& forward = found->second;
  Span here = span;  // of which the copy may hold the beginning only
  if (span.end > forward.taken) here.end = forward.taken, here.end_proof = forward.end_proof;
  const auto rest = rests_.find(forward.row);
  FollowedTail* copy = rest == rests_.end() ? files_.find(forward.copy) : nullptr;
  if (rest == rests_.end() && (copy == nullptr || copy->window.epoch() > span.epoch)) {
    forwards_.erase(found);
    return false;
  }
  AckWindow& window = copy != nullptr ? copy->window : rest->second.window;
  TailLedger& ledger = copy != nullptr ? copy->ledger : rest->second.ledger;
  const FileOffset before = window.committed();
  const bool moved = window.release(here);
  if (outcome == Outcome::kSkipped) {
    ledger.skipped(here, window);
  } else {
    ledger.released(here, outcome == Outcome::kDropped, window);
    world_.metrics.acked_raw_bytes.add((span.end - span.begin).value);
  }
  if (moved) count_exposed(window.committed() - before);
  if (copy != nullptr) {
    mark_dirty(*copy);
    if (moved) tell_acked(*copy, copy->window.epoch(), window.committed());
    if (files_.at(copy->file).leaving) leaving_at_ = std::min(leaving_at_, now_ + kLeavingPause);
  } else {
    CheckpointRow row = rows_.at(forward.row);
    row.offset = window.committed();
    row.marker_bytes =
        static_cast<uint32_t>(std::min<int64_t>(row.offset.value, Marker::kBytesMax));
    row.marker_hash = row.marker_bytes == 0 ? 0 : window.proof();
    row.ledger = ledger.stored(row.offset);
    row.updated = wall_;
    rows_.put(row);
    rows_changed();
  }
  FollowedTail* reader = files_.find(span.tail);
  // Its shard waits for all that it took, also for what lies behind the end of the copy.
  const bool whole = window.committed() >= here.end;
  const FileOffset acked = whole ? std::max(window.committed(), span.end) : window.committed();
  if (moved && reader != nullptr) tell_acked(*reader, span.epoch, acked);
  if (window.committed() >= forward.taken) forwards_.erase(found);
  return true;
}

// The shard of an ordered tail waits for it, also if it has not seen a truncation yet.
void Steward::tell_acked(const FollowedTail& tail, Epoch epoch, FileOffset offset) {
  const bool lent = files_.at(tail.file).state == FollowedFile::State::kOpen;
  if (!lent || !settings_.destinations[tail.destination.value].ordered) return;
  ShardOrder acked;
  acked.kind = ShardOrder::Kind::kAcked;
  acked.tail = tail.id;
  acked.epoch = epoch;
  acked.offset = offset;
  send(tail.shard, std::move(acked));
}

}  // namespace sluice

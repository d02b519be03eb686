// SPDX-License-Identifier: Apache-2.0
// How a rest ends: the copy goes on with its acks and books, or nothing holds the content and what
// was not delivered of it is counted as missed.
#include <algorithm>
#include <utility>

#include "flow/discover/evidence.h"
#include "flow/steward.h"

namespace sluice {

// Whether the file was followed before for the destination, as a file of its own or as a copy.
bool Steward::has_row(const std::string& destination, const FileStat& stat) const {
  if (!rows_.knows(stat.inode, stat.birth_ns)) return false;
  const auto rows = rows_.related(destination, stat.inode, {});
  return std::any_of(rows.begin(), rows.end(), [&](const CheckpointRow* row) {
    return row->identity.birth_ns == stat.birth_ns;
  });
}

// One tail for each destination that has a rest in this file, which lies at `at`. Returns the
// destinations that no other tail may serve: their rests could not be taken just now.
std::set<DestinationId> Steward::serve_rests(FollowedFile& file, const std::string& at) {
  std::set<DestinationId> barred;
  const auto stat = world_.disk.stat(file.handle);
  const auto head = read_head(world_.disk, file.handle);
  if (!stat.ok() || !head.ok()) {
    file.incomplete = true;
    for (const auto& [row, rest] : rests_) {
      if (const auto origin = origin_of(rows_.at(row))) barred.insert(origin->destination);
    }
    return barred;
  }
  const FileFacts facts{.stat = *stat, .path = at, .head = *head};
  std::vector<int64_t> found;
  for (const auto& [row, rest] : rests_) {
    if (has_row(rows_.at(row).destination, *stat)) continue;  // which says more
    const Found is_copy = continues(rest, facts, file.handle);
    if (is_copy == Found::kYes) found.push_back(row);
    const auto origin = origin_of(rows_.at(row));
    if (is_copy != Found::kUnknown || !origin || files_.serves(file, origin->destination)) continue;
    barred.insert(origin->destination);
    file.incomplete = true;
  }
  // Of two that may be in it, the one of which more is proven.
  std::stable_sort(found.begin(), found.end(),
                   [&](int64_t a, int64_t b) { return rests_.at(a).taken > rests_.at(b).taken; });
  for (int64_t row : found) {
    const auto origin = origin_of(rows_.at(row));
    if (!origin || files_.serves(file, origin->destination)) continue;
    if (!std::exchange(file.is_copy, true)) {
      file.path = rows_.at(row).path;
      file.moved = true;
      world_.metrics.files_rotated.add();
      world_.log.event(Severity::kInfo, "file.copied",
                       "the file was copied and truncated; what was unread is read from the copy",
                       {{"path", file.path}, {"copy", at}});
    }
    if (!adopt(file, origin->source, origin->destination, false, row))
      barred.insert(origin->destination);
  }
  if (!file.is_copy || !file.names.empty()) return barred;
  // An earlier run read it for other destinations; a file that is followed is searched for no more.
  for (int64_t row : rows_.free_rows_of_inode(stat->inode)) {
    bool unreadable = false;
    const Kinship kinship =
        judge(rows_.at(row), facts, marker_reader(world_.disk, file.handle, &unreadable));
    file.incomplete = file.incomplete || unreadable;
    const auto origin = origin_of(rows_.at(row));
    if (!goes_on(kinship) || !origin || files_.serves(file, origin->destination)) continue;
    adopt(file, origin->source, origin->destination, false);
  }
  return barred;
}

// The tail goes on with what the rest of its row knew, as far as the copy goes; `end` is the copy's
// last proof. Returns where its reading begins.
FileOffset Steward::take_over(FollowedTail& tail, Bytes size, const Marker& before) {
  const auto found = rests_.find(tail.row);
  if (found == rests_.end()) return tail.window.committed();
  Rest& rest = found->second;
  const FileOffset start = std::min(rest.taken, FileOffset(size.value));
  const uint64_t proof = marker_hash(before);
  tail.window = rest.taken > start ? rest.window.up_to(start, proof) : rest.window;
  tail.ledger = rest.ledger;
  // How long the content of an archive is its end will tell.
  const bool grows = files_.at(tail.file).unpacking;
  tail.ledger.goes_on_with(grows ? std::max(size, rest.ledger.seen()) : size);
  if (rest.ledger.seen() > size && !grows) count_beyond(rest, size, tail.window);
  if (rest.taken > start) tail.ledger.ends_at(tail.window.committed());
  const auto forward = forwards_.find({rest.tail.value, rest.window.epoch().value});
  if (forward != forwards_.end() && forward->second.row == rest.row) {
    forward->second.copy = tail.id;
    if (rest.taken > start) forward->second.taken = start, forward->second.end_proof = proof;
    if (tail.window.committed() >= forward->second.taken) forwards_.erase(forward);
  }
  rests_.erase(found);
  return start;
}

// What was written between copy and truncation is in neither; a part of it may have been read.
void Steward::count_beyond(const Rest& rest, Bytes size, const AckWindow& kept) {
  PastGeneration beyond;
  beyond.epoch = rest.window.epoch();
  beyond.size = rest.ledger.seen() - size;
  beyond.acked = rest.window.released() - kept.released();
  const Bytes missed = rest.ledger.seen() - std::max(size, rest.taken - FileOffset(0));
  beyond.missed[static_cast<size_t>(rest.reason)] = missed;
  beyond.ended = wall_;
  keep_books(rest, beyond);
  count_missed(rest.reason, missed);
  if (missed <= Bytes(0)) return;
  const std::string& path = rows_.at(rest.row).path;
  world_.log.event(Severity::kWarning, "file.missed:" + path,
                   "what was written between the copy of the file and its truncation is lost; "
                   "let it rotate by rename",
                   {{"path", path}, {"missed_bytes", std::to_string(missed.value)}});
}

// Nothing holds the content.
void Steward::give_up(int64_t number) {
  const Rest& rest = rests_.at(number);
  PastGeneration past = rest.ledger.ended(rest.window, rest.taken, rest.reason, wall_);
  if (rest.is_late) past.size -= std::exchange(past.skipped, Bytes(0));
  const Bytes missed = sum_of(past.missed);
  count_missed(rest.reason, missed);
  if (missed > Bytes(0)) {
    const std::string& path = rows_.at(number).path;
    world_.log.event(Severity::kWarning, "file.missed:" + path,
                     "the file was truncated before it was read to its end, and no copy of it was "
                     "found; let it rotate by rename, or keep the copy beside it",
                     {{"path", path}, {"missed_bytes", std::to_string(missed.value)}});
  }
  end_rest(number, past);
}

void Steward::end_rest(int64_t number, const PastGeneration& past) {
  const Rest& rest = rests_.at(number);
  if (past.size > Bytes(0)) keep_books(rest, past);
  const auto forward = forwards_.find({rest.tail.value, rest.window.epoch().value});
  if (forward != forwards_.end() && forward->second.row == number) forwards_.erase(forward);
  rests_.erase(number);
  rows_.erase(number);
  rows_changed();
}

// With the file that was truncated, if it is still known.
void Steward::keep_books(const Rest& rest, const PastGeneration& past) {
  const CheckpointRow& about = rows_.at(rest.row);
  int64_t origin = rows_.contains(rest.origin_row) ? rest.origin_row : 0;
  for (int64_t row : rows_.rows_of_path(about.path)) {
    const CheckpointRow& other = rows_.at(row);
    const bool same = !is_rest(other) && other.destination == about.destination &&
                      other.identity.birth_ns == about.identity.birth_ns;
    if (origin == 0 && same) origin = row;
  }
  if (origin == 0) return;
  for (auto& [number, tail] : files_.tails()) {
    if (tail.row != origin) continue;
    tail.ledger.take_back(past);
    return mark_dirty(tail);
  }
  TailLedger ledger(rows_.at(origin).ledger);
  ledger.take_back(past);
  CheckpointRow row = rows_.at(origin);
  row.ledger.past = ledger.past();
  rows_.put(row);
  rows_changed();
}

}  // namespace sluice

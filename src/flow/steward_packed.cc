// SPDX-License-Identifier: Apache-2.0
// Files that were compressed before they were read to their end: while the agent was down, or
// behind and without a descriptor. When a row's file is nowhere, the archives beside it are asked.
// One whose content begins with the row's head and has its marker before the offset goes on where
// the file ended; it is unpacked into a scratch file, piece by piece, no further ahead of what is
// acknowledged than kUnpackedAhead, and that file is followed like a deleted one.
#include <algorithm>
#include <tuple>
#include <utility>

#include "flow/compress/unpacker.h"
#include "flow/discover/evidence.h"
#include "flow/discover/siblings.h"
#include "flow/steward.h"

namespace sluice {
namespace {

// What shards may still read behind an acknowledged position.
constexpr Bytes kKeptBehind{64 << 10};
constexpr FileOffset kBehindHead{4096};

// Holes look alike: zeros at the beginning are the head of any file whose writer does not append.
bool proves_nothing(const CheckpointRow& row, std::span<const std::byte> head) {
  const auto known = head.first(std::min<size_t>(head.size(), row.identity.head_bytes));
  if (std::any_of(known.begin(), known.end(), [](std::byte each) { return each != std::byte{0}; }))
    return false;
  Marker zeros;
  zeros.size = row.marker_bytes;
  return row.marker_bytes == 0 || row.marker_hash == marker_hash(zeros);
}

// The greater, the more of the content the row can speak of.
std::tuple<int64_t, FileOffset, int64_t> claim_of(const CheckpointRow& row) {
  return {std::max<int64_t>(row.identity.head_bytes, row.offset.value), row.offset, row.row};
}

// Under which what is in the archive may have been followed before it was packed.
std::set<std::string> names_in_life(const std::string& path, const std::string& archive) {
  std::set<std::string> names = {path};
  std::string_view plain;
  const size_t slash = archive.rfind('/') + 1;
  const std::string packed = archive.substr(slash);
  if (is_archive_name(packed, &plain)) names.insert(archive.substr(0, slash) + std::string(plain));
  for (const std::string& name : std::set(names)) {
    const size_t base = name.rfind('/') + 1;
    for (const std::string& before : names_before_rotation(name.substr(base)))
      names.insert(name.substr(0, base) + before);
  }
  return names;
}

}  // namespace

// True if some of the siblings may hold the rest of the row's file; they are looked into then.
bool Steward::expect_archive(int64_t number, const std::string& prefix,
                             const std::vector<Sibling>& siblings) {
  const CheckpointRow& row = rows_.at(number);
  // Nothing proves that a content is that of a file which was empty when it was looked at.
  if (world_.scratch == nullptr || row.gone || row.identity.head_bytes == 0) return false;
  std::vector<const Sibling*> found;
  for (const Sibling& sibling : siblings) {
    if (may_hold(sibling.name, sibling.stat, row)) found.push_back(&sibling);
  }
  if (found.empty()) return false;
  // Of contents that begin alike, the older one is the next.
  std::sort(found.begin(), found.end(),
            [](const Sibling* a, const Sibling* b) { return a->stat.birth_ns < b->stat.birth_ns; });
  PackedRow& packed = packed_[number];
  for (const Sibling* sibling : found)
    packed.archives.push_back({prefix + sibling->name, sibling->stat});
  left_.at(number).place = LeftRow::Place::kPacked;
  archives_at_ = now_;
  return true;
}

// One archive per destination at a time: one that does not answer holds no other up.
void Steward::read_archives() {
  if (now_ < archives_at_) return;
  archives_at_ = kNever;
  archives_want_room_ = 0;
  std::set<std::string> busy;
  for (auto it = packed_.begin(); it != packed_.end();) {
    if (busy.size() == settings_.destinations.size()) return;
    const auto each = it++;
    if (!busy.insert(rows_.at(each->first).destination).second) continue;
    if (!unpack_for(each->first, each->second)) continue;
    packed_.erase(each);
    archives_at_ = now_;
  }
}

// True if the row needs no archive any more.
bool Steward::unpack_for(int64_t number, PackedRow& packed) {
  if (packed.file && files_.find(*packed.file) == nullptr) {  // refused by its shard
    close_archive(packed);
    return true;
  }
  if (packed.archives.empty()) {
    give_up_archives(number, packed);
    return true;
  }
  if (packed.unpacking == nullptr && !open_archive(number, packed)) return false;
  if (packed.file && unacked_of(*packed.file) >= kUnpackedAhead) return false;  // an ack goes on
  const Unpacking::State state = packed.unpacking->step(kUnpackedPiece);
  if (state == Unpacking::State::kUnreadable || state == Unpacking::State::kNoRoom) {
    world_.log.event(
        Severity::kWarning, "archive.waits:" + packed.archives.front().path,
        state == Unpacking::State::kNoRoom
            ? "the state directory has no room to unpack an archive; it waits"
            : "the archive cannot be read and is tried again",
        {{"path", packed.archives.front().path}, {"reason", packed.unpacking->error().message()}});
    archives_at_ = std::min(archives_at_, now_ + kArchivePause);
    return false;
  }
  const bool over = state != Unpacking::State::kGoing;
  const bool damaged = state == Unpacking::State::kDamaged;
  if (!packed.file) {
    const auto proven = is_rest_of(number, *packed.unpacking, over);
    const bool follows = proven.has_value() && *proven && follow_archive(number, packed);
    if (proven.has_value() && !*proven) {
      if (damaged) say_damaged(number, packed);
      next_archive(packed);
    } else if (over && !follows) {
      archives_at_ = std::min(archives_at_, now_ + kArchivePause);  // the disk does not answer
      return false;
    }
  }
  if (packed.file) pass_on(packed);
  if (over && packed.file) {
    end_unpacking(number, packed, damaged);
    return true;
  }
  archives_at_ = now_;
  return false;
}

// False if it must wait, or look elsewhere.
bool Steward::open_archive(int64_t number, PackedRow& packed) {
  Bytes unacked;
  for (const FileKey& key : unpacked_) {
    const FollowedTail& tail = files_.at(files_.at(key).tails.front());
    if (settings_.destinations[tail.destination.value].name == rows_.at(number).destination)
      unacked += unacked_of(key);
  }
  if (unacked >= kUnpackedAhead) return false;  // an ack goes on
  if (open_files_ + 2 > settings_.open_files_max) {
    archives_want_room_ = 2;
    if (room_at_ == kNever) room_at_ = now_ + kRoomPause;
    archives_at_ = std::min(archives_at_, now_ + kRoomPause);
    return false;
  }
  const auto archive = open_first(number, packed);
  if (!archive) return false;
  const auto into = world_.scratch->make();
  if (!into.ok()) {
    world_.disk.close(*archive);
    world_.log.event(Severity::kWarning, "archive.waits:" + packed.archives.front().path,
                     "the state directory has no room to unpack an archive; it waits",
                     {{"path", packed.archives.front().path}, {"reason", into.error().message()}});
    archives_at_ = std::min(archives_at_, now_ + kArchivePause);
    return false;
  }
  const FileOffset offset = rows_.at(number).offset;
  const Bytes before(std::min<int64_t>(offset.value, Marker::kBytesMax));
  packed.unpacking =
      std::make_unique<Unpacking>(world_.disk, *world_.scratch, *archive, *into, offset - before);
  open_files_ += 2;
  return true;
}

// Of two rows that what is in it may continue, one has it: a copy of a file begins like the file.
bool Steward::is_unpacked(const FileStat& archive, const std::string& destination) {
  const auto is_it = [&](const FileStat& each) {  // and not one that got its inode number since
    return key_of(each) == key_of(archive) && each.birth_ns == archive.birth_ns &&
           each.size == archive.size && each.modified == archive.modified;
  };
  return std::any_of(unpacked_.begin(), unpacked_.end(), [&](const FileKey& key) {
    const FollowedFile& file = files_.at(key);
    if (!is_it(file.archive) || file.tails.empty()) return false;
    const DestinationId served = files_.at(file.tails.front()).destination;
    return settings_.destinations[served.value].name == destination;
  });
}

// The archive that may hold the row's file, if it still has the name that it had at the look, and
// is not being read for another row.
std::optional<FileHandle> Steward::open_first(int64_t number, PackedRow& packed) {
  const auto& [path, found] = packed.archives.front();
  const auto archive = world_.disk.open(path);
  const auto stat = archive.ok() ? world_.disk.stat(*archive) : archive.error();
  const bool same = stat.ok() && key_of(*stat) == key_of(found) && stat->birth_ns == found.birth_ns;
  if (same && !is_unpacked(*stat, rows_.at(number).destination)) {
    packed.archive = *stat;
    return *archive;
  }
  if (archive.ok()) world_.disk.close(*archive);
  const bool moved = !same && (stat.ok() || stat.error().code == Errc::kNotFound);
  const bool next = same || moved;
  if (next) packed.archives.erase(packed.archives.begin());
  packed.moved = packed.moved || moved;
  archives_at_ = std::min(archives_at_, next ? now_ : now_ + kArchivePause);
  return std::nullopt;
}

// None of them is it. If a rotation renamed some meanwhile, the directory is searched anew.
void Steward::give_up_archives(int64_t number, const PackedRow& packed) {
  if (rests_.contains(number)) {
    if (!packed.moved) return give_up(number);
    rests_at_ = std::min(rests_at_, now_ + kRestPause);
    return;
  }
  if (!packed.moved) return declare_gone(number);
  left_.at(number).place = LeftRow::Place::kUnknown;
  reconcile_at_ = std::min(reconcile_at_, now_ + kDoubtPause);
}

// Rows that were followed under the same name, or under one that rotation made of it or of which it
// was made, begin like the archive and claim it with more right: they know more of its content, or
// as much and are further on. Of a copy of the file, or what it was copied from. Of a file of two
// bytes nearly every archive beside it seems to be the rest.
std::vector<const CheckpointRow*> Steward::rivals_of(const CheckpointRow& row,
                                                     const std::string& archive,
                                                     std::span<const std::byte> head) const {
  std::vector<const CheckpointRow*> rivals;
  for (const std::string& path : names_in_life(row.path, archive)) {
    for (const int64_t number : rows_.rows_of_path(path)) {
      const CheckpointRow& other = rows_.at(number);
      const bool knows_more = claim_of(other) > claim_of(row);
      const bool reads_on = !other.gone || other.ledger.seen <= other.offset - FileOffset(0);
      const bool proves = other.identity.head_bytes > 0 && head_matches(other.identity, head);
      if (other.destination == row.destination && knows_more && reads_on && proves)
        rivals.push_back(&other);
    }
  }
  return rivals;
}

// Whether the archive's content goes on where the row ended, and no other row knows it better;
// nothing if that cannot be said yet.
std::optional<bool> Steward::is_rest_of(int64_t number, const Unpacking& unpacking, bool over) {
  const CheckpointRow& row = rows_.at(number);
  FileOffset needed = std::max(row.offset, FileOffset(row.identity.head_bytes));
  std::vector<const CheckpointRow*> rivals;
  if (unpacking.end() >= FileOffset(row.identity.head_bytes)) {
    const auto head = read_head(world_.disk, unpacking.file());
    if (!head.ok()) return std::nullopt;
    if (!head_matches(row.identity, *head) || proves_nothing(row, *head)) return false;
    rivals = rivals_of(row, packed_.at(number).archives.front().path, *head);
  }
  if (over && unpacking.end() < needed) return false;
  for (const CheckpointRow* rival : rivals) needed = std::max(needed, rival->offset);
  if (!over && unpacking.end() < needed) return std::nullopt;
  bool unreadable = false;
  const auto marker = marker_reader(world_.disk, unpacking.file(), &unreadable);
  const auto shows = [&](const CheckpointRow& each) {
    return unpacking.end() >= each.offset &&
           (each.marker_bytes == 0 || marker(each.offset, each.marker_bytes) == each.marker_hash);
  };
  const bool is_rest = shows(row) && std::none_of(rivals.begin(), rivals.end(),
                                                  [&](const auto* each) { return shows(*each); });
  if (unreadable) return std::nullopt;
  const auto rest = rests_.find(number);
  if (!is_rest || rest == rests_.end()) return is_rest;
  return holds_rest(rest->second, unpacking, over);
}

// False if the disk does not answer.
bool Steward::follow_archive(int64_t number, PackedRow& packed) {
  CheckpointRow row = rows_.at(number);
  const auto origin = origin_of(row);
  const FileHandle handle = packed.unpacking->file();
  const auto stat = world_.disk.stat(handle);
  const auto rest = rests_.find(number);
  const FileOffset start =
      rest == rests_.end() ? row.offset : std::min(rest->second.taken, packed.unpacking->end());
  const auto marker = read_marker(world_.disk, handle, start);
  if (!origin || !stat.ok() || !marker.ok()) return false;
  if (const FollowedFile* parked = files_.find(key_of(*stat))) {
    // It was deleted, and the scratch file has its inode number.
    for (const int64_t left : rows_.free_rows_of_inode(stat->inode)) leave_row(left, false, now_);
    files_.remove_file(parked->key);
  }
  FollowedFile& file = files_.add_file(key_of(*stat), packed.unpacking->give_file());
  file.identity = row.identity;
  file.path = row.path;
  file.size = stat->size;
  file.modified = stat->modified;
  file.unlinked = true;
  file.unpacking = true;
  file.packed_in = packed.archives.front().path;
  file.archive = packed.archive;
  packed.file = file.key;
  packed.given_back = std::max(kBehindHead, row.offset - Bytes(row.offset.value % 4096));
  unpacked_.insert(file.key);
  count_missed(MissedReason::kUnacked, settle_past(row.ledger));
  if (rest != rests_.end()) packed.rest = std::make_unique<Rest>(rest->second);
  row.gone = false;
  row.updated = wall_;
  rows_.put(row);
  left_.erase(number);
  follow_without_name(file);
  hand_over(file, *origin, row, *marker);
  world_.metrics.files_resumed.add();
  world_.log.event(Severity::kInfo, "file.unpacked",
                   "a followed file was compressed before it was read to its end; the rest is read "
                   "from the archive",
                   {{"path", row.path},
                    {"archive", file.packed_in},
                    {"offset", std::to_string(row.offset.value)}});
  return true;
}

Bytes Steward::unacked_of(const FileKey& key) {
  const FollowedFile& file = files_.at(key);
  return file.size - (files_.at(file.tails.front()).window.committed() - FileOffset(0));
}

// Tells the shard that there is more, and the disk what nobody needs any more.
void Steward::pass_on(PackedRow& packed) {
  FollowedFile& file = files_.at(*packed.file);
  if (file.state != FollowedFile::State::kOpen) return;
  look_at(file);
  FollowedTail& tail = files_.at(file.tails.front());
  if (!tail.hot) wake(tail);
  const FileOffset keep = tail.window.committed() - kKeptBehind;
  if (keep < packed.given_back + kKeptBehind) return;
  const FileOffset end = keep - Bytes(keep.value % 4096);
  world_.scratch->give_back(file.handle, packed.given_back, end);
  packed.given_back = end;
}

void Steward::end_unpacking(int64_t number, PackedRow& packed, bool damaged) {
  FollowedFile& file = files_.at(*packed.file);
  file.unpacking = false;
  FollowedTail& tail = files_.at(file.tails.front());
  if (packed.rest && !damaged) count_unpacked(*packed.rest, packed);
  tail.ledger.saw_size(packed.unpacking->end() - FileOffset(0));
  mark_dirty(tail);
  if (damaged) {
    say_damaged(number, packed);
  } else {
    world_.metrics.archives_read.add();
  }
  close_archive(packed);
  expect_last_line(file);
  leaving_at_ = now_;
}

void Steward::say_damaged(int64_t number, const PackedRow& packed) {
  world_.metrics.archives_damaged.add();
  world_.log.event(Severity::kWarning, "archive.damaged:" + packed.archives.front().path,
                   "the archive does not decode to its end; what is behind that place is lost",
                   {{"path", rows_.at(number).path},
                    {"archive", packed.archives.front().path},
                    {"unpacked_bytes", std::to_string(packed.unpacking->end().value)},
                    {"reason", packed.unpacking->error().message()}});
}

// The content is another one: the scratch file goes, too.
void Steward::next_archive(PackedRow& packed) {
  packed.unpacking.reset();
  open_files_ -= 2;
  packed.archives.erase(packed.archives.begin());
}

// A file took the row that waits for its archive: it was unpacked by somebody, or it is another one
// in its place.
void Steward::forget_archives(int64_t number) {
  const auto entry = packed_.find(number);
  if (entry == packed_.end()) return;
  SLUICE_CHECK(!entry->second.file, "a row that is followed cannot be taken");
  if (entry->second.unpacking != nullptr) open_files_ -= 2;
  packed_.erase(entry);
}

// The scratch file is followed, or was.
void Steward::close_archive(PackedRow& packed) {
  packed.unpacking.reset();
  --open_files_;
}

// The last act of close_file() for a file that came out of an archive.
void Steward::close_unpacked(FollowedFile& file, bool delivered) {
  FollowedTail& tail = files_.at(file.tails.front());
  const int64_t number = tail.row;
  files_.remove_tail(tail.id);
  rows_.detach(number);
  CheckpointRow row = rows_.at(number);
  row.gone = delivered;
  row.updated = wall_;
  rows_.put(row);
  if (is_rest(row) && !delivered) {
    load_rest(row);
  } else {
    leave_row(number, delivered, now_);
  }
  if (delivered) {
    count_missed(MissedReason::kDeleted, row.ledger.seen - (row.offset - FileOffset(0)));
    forget_generations(file.path);
    world_.metrics.files_retired.add();
    world_.log.event(Severity::kInfo, "file.retired", "the archive is delivered to its end",
                     {{"path", file.path}, {"archive", file.packed_in}});
  }
  rows_changed();
  world_.disk.close(std::exchange(file.handle, FileHandle{}));
  --open_files_;
  leaving_.erase(file.key);
  unpacked_.erase(file.key);
  archives_at_ = now_;
  if (room_at_ != kNever) room_at_ = now_;
  files_.remove_file(file.key);
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Where a file begins: at the offset of its checkpoint row, at 0, or at its end. And the search for
// files that were renamed out of the patterns, at start and after they were let go.
#include <algorithm>
#include <utility>

#include "flow/discover/evidence.h"
#include "flow/discover/siblings.h"
#include "flow/steward.h"
#include "sluice/crash_point.h"

namespace sluice {
namespace {

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

bool may_be(const CheckpointRow& row, const FileStat& stat) {
  const FileIdentity& known = row.identity;
  return known.inode == stat.inode &&
         (known.birth_ns == 0 || stat.birth_ns == 0 || known.birth_ns == stat.birth_ns);
}

// No other file was given its inode number since.
bool is_surely(const CheckpointRow& row, const FileStat& stat) {
  return may_be(row, stat) && stat.birth_ns != 0 && row.identity.birth_ns == stat.birth_ns;
}

bool leads_to(Disk& disk, const std::string& path, const FileKey& key) {
  const auto stat = disk.stat(path);
  return stat.ok() && key_of(*stat) == key;
}

}  // namespace

// The row that the tail will write to, as it should be now; nothing if the disk does not answer.
std::optional<Steward::RowChoice> Steward::row_for(FollowedFile& file, const FileFacts& facts,
                                                   SourceId source, DestinationId destination,
                                                   bool first_look) {
  const std::string& name = settings_.destinations[destination.value].name;
  const auto rows = rows_.related(name, facts.stat.inode, file.path);
  bool unreadable = false;
  const auto best = match(rows, facts, marker_reader(world_.disk, file.handle, &unreadable));
  if (unreadable) return std::nullopt;
  RowChoice choice;
  CheckpointRow& row = choice.row;
  bool& is_new = choice.is_new;
  is_new = !best || rows_.attached(rows[best->row]->row);
  if (best && (!is_new || goes_on(best->kinship))) {
    row = *rows[best->row];
    if (is_new) row.ledger.past.clear();  // those of the file that the other row speaks of
  } else {
    // Only at its beginning its shard can tell an archive from text.
    row.offset =
        looks_compressed(facts.head) ? FileOffset(0) : start_of_new(file, source, first_look);
    row.ledger.begin = row.offset;
  }
  if (best && !is_new && best->kinship == Kinship::kReplaced) {
    choice.over = row;
    row.ledger.begin = FileOffset(0);
    row.ledger.dropped = row.ledger.seen = Bytes(0);
    row.epoch = Epoch(row.epoch.value + 1);
    row.ids = {};
    row.offset = FileOffset(0);
    row.marker_bytes = 0;
    row.marker_hash = 0;
    world_.log.event(Severity::kInfo, "file.replaced",
                     "the file was truncated or replaced since its checkpoint; it is read from its "
                     "beginning",
                     {{"path", file.path}});
  }
  const bool goes_on_elsewhere = best && goes_on(best->kinship) && row.path != file.path;
  // Rotated while the agent was away; a second name of the same file is no rotation.
  if (goes_on_elsewhere && !leads_to(world_.disk, row.path, file.key)) file.moved = true;
  row.destination = name;
  row.path = file.path;
  row.identity = identify(facts.stat, facts.head);
  row.gone = false;
  row.updated = wall_;
  return choice;
}

bool Steward::adopt(FollowedFile& file, SourceId source, DestinationId destination, bool first_look,
                    int64_t rest) {
  SLUICE_CRASHPOINT("steward.adopt.before");
  const auto stat = world_.disk.stat(file.handle);
  const auto head = read_head(world_.disk, file.handle);
  if (!stat.ok() || !head.ok()) {
    file.incomplete = true;
    return false;
  }
  const FileFacts facts{.stat = *stat, .path = file.path, .head = *head};
  auto chosen = rest == 0 ? row_for(file, facts, source, destination, first_look)
                          : std::optional(RowChoice{.row = rows_.at(rest)});
  if (!chosen) {
    file.incomplete = true;
    return false;
  }
  CheckpointRow& row = chosen->row;
  const FileOffset size(stat->size.value);
  const bool is_short = rest != 0 && row.offset > size;  // more was delivered than was copied
  if (is_short) row.offset = size;
  const auto marker = read_marker(world_.disk, file.handle, row.offset);
  // Truncated within the last microseconds: the shard would find out at once, but it needs a
  // marker to do so; the new content's marker would hide it, and lines be skipped.
  const bool known = row.marker_bytes > 0 && !is_short;
  const auto going_on = rests_.find(row.row);
  const FileOffset start =
      going_on == rests_.end() ? row.offset : std::min(going_on->second.taken, size);
  // A second look at the same place might show what was written there since the first one.
  const auto before_start =
      start == row.offset ? marker : read_marker(world_.disk, file.handle, start);
  if (!marker.ok() || !before_start.ok() || (known && marker_hash(*marker) != row.marker_hash)) {
    file.incomplete = true;
    return false;
  }
  if (rest != 0) row.identity = identify(facts.stat, facts.head);
  row.marker_bytes = marker->size;
  row.marker_hash = marker_hash(*marker);
  count_missed(MissedReason::kUnacked, settle_past(row.ledger));
  if (chosen->is_new) {
    row = rows_.add(row, wall_);
    row_added();
  } else {
    rows_.put(row);
    left_.erase(row.row);
    forget_archives(row.row);
    world_.metrics.files_resumed.add();
  }
  file.size = stat->size;
  hand_over(file, {source, destination}, row, *before_start);
  if (chosen->over) {
    // Replaced since it was opened: what was seen of its head then is not this tail's content.
    if (file.tails.size() == 1) file.identity = row.identity;
    rest_of_row(file, *chosen->over);
  }
  SLUICE_CRASHPOINT("steward.adopt.after");
  return true;
}

// What the ids of the records of its present content are made of.
Digest128 Steward::seed_of(const CheckpointRow& row) const {
  return row.ids == Digest128{} ? file_seed(host_id_, row.identity, row.row) : row.ids;
}

// To a shard; the row is the tail's from here on.
void Steward::hand_over(FollowedFile& file, const Origin& origin, const CheckpointRow& row,
                        const Marker& marker) {
  rows_.attach(row.row);
  FollowedTail& tail = files_.add_tail(file, origin.source, origin.destination, row);
  const FileOffset start = take_over(tail, file.size, marker);
  // Even before the first ack: a file that is renamed while the agent is down is found by its row.
  mark_dirty(tail);
  auto spec = std::make_unique<TailSpec>();
  spec->tail = tail.id;
  spec->source = origin.source;
  spec->destination = origin.destination;
  spec->file = file.handle;
  spec->path = file.path;
  spec->file_seed = file_seed(host_id_, row.identity, row.row);
  spec->content_seed = seed_of(row);
  spec->epoch = row.epoch;
  spec->start = start;
  spec->marker = marker;
  spec->waits =
      settings_.destinations[origin.destination.value].ordered && tail.window.committed() < start;
  spec->rotated = (file.moved || file.names.empty()) && !file.unpacking;
  ShardOrder order;
  order.kind = ShardOrder::Kind::kAdopt;
  order.tail = tail.id;
  order.spec = std::move(spec);
  send(tail.shard, std::move(order));
}

FileOffset Steward::start_of_new(const FollowedFile& file, SourceId source, bool first_look) {
  if (!first_look || !begins_at_end_[source.value]) return FileOffset(0);
  const auto start = last_line_start(world_.disk, file.handle, file.size);
  return start.ok() ? *start : FileOffset(file.size.value);
}

// A row without a tail and without a name of ours.
void Steward::leave_row(int64_t row, bool unlinked, MonoTime since) {
  if (!origin_of(rows_.at(row))) return;  // not configured (any more)
  LeftRow& left = left_[row];
  left.place = unlinked ? LeftRow::Place::kAbsent : LeftRow::Place::kUnknown;
  left.since = since;
}

std::optional<Steward::Origin> Steward::origin_of(const CheckpointRow& row) const {
  for (SourceId source : catalogue_.wanted_by(row.path)) {
    for (DestinationId destination : settings_.sources[source.value].destinations) {
      if (settings_.destinations[destination.value].name == row.destination)
        return Origin{source, destination};
    }
  }
  return std::nullopt;
}

void Steward::search_left_rows() {
  std::map<std::string, std::vector<int64_t>> searches, behind_links;  // rows, ascending
  for (auto& [row, left] : left_) {
    if (left.place == LeftRow::Place::kFound) {
      const auto stat = world_.disk.stat(left.found_at);
      if (!stat.ok() || !may_be(rows_.at(row), *stat)) left.place = LeftRow::Place::kUnknown;
    }
    if (left.place != LeftRow::Place::kUnknown) continue;
    const std::string directory = parent_of(rows_.at(row).path);
    searches[directory].push_back(row);
    // A link stays where it is when its target is rotated, beside the target: the kubelet's logs.
    if (!catalogue_.has_name(rows_.at(row).path)) continue;  // nor is there a link
    const auto target = world_.disk.resolve(rows_.at(row).path);
    if (target.ok() && parent_of(*target) != directory)
      behind_links[parent_of(*target)].push_back(row);
  }
  for (const auto& [directory, rows] : behind_links) {
    if (find_left_rows(directory, rows)) continue;
    for (int64_t row : rows) std::erase(searches[parent_of(rows_.at(row).path)], row);  // not seen
  }
  for (const auto& [directory, rows] : searches) search_directory(directory, rows);
  follow_left_rows();
}

// What was found may have grown: its writer was not told of the rotation, or we were away.
void Steward::follow_left_rows() {
  left_rows_want_room_ = 0;
  std::vector<std::pair<int64_t, std::string>> found;
  for (const auto& [row, left] : left_) {
    if (left.place == LeftRow::Place::kFound) found.emplace_back(row, left.found_at);
  }
  for (const auto& [row, path] : found) {
    if (!left_.contains(row)) continue;  // taken together with another row of the same file
    const auto stat = world_.disk.stat(path);
    if (stat.ok() && !may_be(rows_.at(row), *stat)) {  // renamed on since the search
      left_.at(row).place = LeftRow::Place::kUnknown;
      continue;
    }
    if (!stat.ok() || FileOffset(stat->size.value) == rows_.at(row).offset) continue;
    // Shorter: truncated since, if it is the same file beyond doubt.
    const bool shrunk = FileOffset(stat->size.value) < rows_.at(row).offset;
    if (shrunk && !is_surely(rows_.at(row), *stat)) continue;
    if (!follow_nameless(path, *stat)) left_.at(row).place = LeftRow::Place::kAbsent;
  }
}

// What lies there; nothing if what it did not find may be there all the same.
std::optional<Surroundings> Steward::find_left_rows(const std::string& directory,
                                                    const std::vector<int64_t>& rows) {
  const std::string prefix = directory == "/" ? "/" : directory + "/";
  const auto around = look_around(world_.disk, directory, [&](const std::string& name) {
    return is_archive_name(name) || !catalogue_.has_name(prefix + name);
  });
  if (!around.ok()) return std::nullopt;
  // A name of ours that could not be opened yet may be what is searched for.
  const auto waiting = unopened_.lower_bound(prefix);
  const bool waits =
      waiting != unopened_.end() && waiting->first.compare(0, prefix.size(), prefix) == 0;
  for (const Sibling& sibling : around->files) {
    const bool named = catalogue_.has_name(prefix + sibling.name);
    if (named || files_.find(key_of(sibling.stat)) != nullptr) continue;
    for (int64_t row : rows_.free_rows_of_inode(sibling.stat.inode)) {
      const bool searched = std::binary_search(rows.begin(), rows.end(), row);
      if (!searched || !may_be(rows_.at(row), sibling.stat)) continue;
      left_.at(row).place = LeftRow::Place::kFound;
      left_.at(row).found_at = prefix + sibling.name;
    }
  }
  if (waits || !around->steady) return std::nullopt;
  return *around;
}

void Steward::search_directory(const std::string& directory, const std::vector<int64_t>& rows) {
  const std::string prefix = directory == "/" ? "/" : directory + "/";
  const auto around = find_left_rows(directory, rows);
  if (!around) return;  // not seen is not gone
  for (int64_t number : rows) {
    if (left_.at(number).place != LeftRow::Place::kUnknown) continue;
    if (!expect_archive(number, prefix, around->files)) declare_gone(number);
  }
}

void Steward::declare_gone(int64_t number) {
  left_.at(number).place = LeftRow::Place::kAbsent;
  if (rows_.at(number).gone) return;
  CheckpointRow row = rows_.at(number);
  row.gone = true;
  row.updated = wall_;
  rows_.put(row);
  rows_changed();
  count_missed(MissedReason::kDeleted, row.ledger.seen - (row.offset - FileOffset(0)));
  world_.log.event(Severity::kInfo, "file.gone",
                   "a file with a checkpoint is gone; what it held beyond the offset is lost",
                   {{"path", row.path}, {"offset", std::to_string(row.offset.value)}});
}

// Follows a file that only rows speak of: no pattern wants its present name. Its lines keep the
// path under which they were written. False if the content is not what the rows remember.
bool Steward::follow_nameless(const std::string& path, const FileStat& seen) {
  if (files_.find(key_of(seen)) != nullptr) return true;
  if (open_files_ >= settings_.open_files_max) {
    ++left_rows_want_room_;
    if (room_at_ == kNever) room_at_ = now_ + kRoomPause;
    return true;
  }
  const auto handle = world_.disk.open(path);
  if (!handle.ok()) return true;  // the next look tries again
  const auto stat = world_.disk.stat(*handle);
  const auto head = read_head(world_.disk, *handle);
  if (!stat.ok() || !head.ok() || key_of(*stat) != key_of(seen)) {
    world_.disk.close(*handle);
    return true;
  }
  FollowedFile& file = files_.add_file(key_of(*stat), *handle);
  ++open_files_;
  file.identity = identify(*stat, *head);
  file.size = stat->size;
  file.modified = stat->modified;
  for (int64_t row : rows_.free_rows_of_inode(stat->inode)) {
    const FileFacts facts{.stat = *stat, .path = rows_.at(row).path, .head = *head};
    bool unreadable = false;
    const Kinship kinship =
        judge(rows_.at(row), facts, marker_reader(world_.disk, *handle, &unreadable));
    file.incomplete = file.incomplete || unreadable;
    const bool truncated =
        kinship == Kinship::kReplaced && !unreadable && is_surely(rows_.at(row), *stat);
    const auto origin = origin_of(rows_.at(row));
    if (!(goes_on(kinship) || truncated) || !origin) continue;
    if (files_.serves(file, origin->destination)) continue;
    if (file.path.empty()) file.path = rows_.at(row).path;
    adopt(file, origin->source, origin->destination, false);
  }
  if (file.tails.empty()) {
    const bool unreadable = file.incomplete;
    files_.remove_file(file.key);
    --open_files_;
    world_.disk.close(*handle);
    return unreadable;
  }
  follow_without_name(file);
  // A destination without a row: the disk failed when it was due, and the agent ended before it
  // tried again.
  serve_sources(file, file.path, false);
  return true;
}

// Whether the file is found again when it was let go: one of its names leads to it, or it has a
// name of rotation in the directory where it was followed.
bool Steward::can_return(const FollowedFile& file) {
  const auto is_it = [&](const std::string& path) { return leads_to(world_.disk, path, file.key); };
  if (std::any_of(file.names.begin(), file.names.end(), is_it)) return true;
  const std::string directory = parent_of(file.path);
  const std::string prefix = directory == "/" ? "/" : directory + "/";
  const std::string name = file.path.substr(file.path.rfind('/') + 1);
  const std::string stem = name.substr(0, name.rfind('.'));
  std::vector<DirectoryEntry> entries;
  if (!world_.disk.list(directory, entries).ok()) return false;
  return std::any_of(entries.begin(), entries.end(), [&](const DirectoryEntry& entry) {
    const bool looks_so =
        entry.kind == FileKind::kRegular && entry.name.compare(0, stem.size(), stem) == 0;
    return looks_so && is_it(prefix + entry.name);
  });
}

// A hundred rotations a second leave eight million rows a day behind, and every new file is
// compared with those of its path.
void Steward::forget_generations(const std::string& path) {
  std::vector<int64_t> absent;
  for (int64_t row : rows_.rows_of_path(path)) {
    const auto left = left_.find(row);
    if (left != left_.end() && left->second.place == LeftRow::Place::kAbsent) absent.push_back(row);
  }
  if (absent.size() <= kGoneRowsPerPath) return;
  std::sort(absent.begin(), absent.end());  // by age
  absent.resize(absent.size() - kGoneRowsPerPath);
  for (int64_t row : absent) {
    left_.erase(row);
    rows_.erase(row);
  }
}

void Steward::expire_left_rows() {
  std::vector<int64_t> expired;
  size_t looked_at = 0;
  auto it = left_.lower_bound(expire_from_);
  for (; it != left_.end() && looked_at < kExpireAtOnce; ++it, ++looked_at) {
    const LeftRow& left = it->second;
    const bool over = left.place == LeftRow::Place::kAbsent && now_ - left.since >= kGoneRowKept;
    if (over) expired.push_back(it->first);
  }
  const bool is_end = it == left_.end();
  expire_from_ = is_end ? 0 : it->first;
  expire_at_ = is_end ? kNever : now_ + kExpirePause;
  for (int64_t row : expired) {
    left_.erase(row);
    rows_.erase(row);
  }
  if (!expired.empty()) rows_changed();
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// Copy and truncate: the unread rest of a truncated content is read from the copy that was made of
// it before, which is found by what is in it, whatever it is called. Only when nothing holds that
// content is the rest counted as missed.
#include <algorithm>
#include <utility>

#include "flow/discover/evidence.h"
#include "flow/discover/siblings.h"
#include "flow/steward.h"
#include "sluice/planted.h"

namespace sluice {
namespace {

// More directories than this are not searched for one truncated file, and not more foreign names in
// one of them: after that it is not rotation that made the copy.
constexpr size_t kDirectoriesMax = 64;
constexpr size_t kForeignNamesMax = 64;
// A search that could not tell is repeated after a pause that doubles so often.
constexpr uint32_t kSlowdownsMax = 10;

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string base_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

std::string joined(const std::string& directory, const std::string& name) {
  return (directory == "/" ? "/" : directory + "/") + name;
}

// Rotation made `path` of `original`, or put it under its own name elsewhere.
bool comes_of(const std::string& path, const std::string& original) {
  const std::string base = base_of(original);
  if (base_of(path) == base) return path != original;
  const auto before = names_before_rotation(base_of(path));
  return std::find(before.begin(), before.end(), base) != before.end();
}

void add_directory(std::vector<std::string>& directories, std::string path) {
  const bool known = std::find(directories.begin(), directories.end(), path) != directories.end();
  if (!known && directories.size() < kDirectoriesMax) directories.push_back(std::move(path));
}

void add_subdirectories(Disk& disk, const std::string& top, std::vector<std::string>& directories) {
  std::vector<DirectoryEntry> entries;
  if (!disk.list(top, entries).ok()) return;
  for (const DirectoryEntry& entry : entries) {
    if (entry.kind == FileKind::kDirectory) add_directory(directories, joined(top, entry.name));
  }
}

}  // namespace

void Steward::search_rests() {
  if (now_ < rests_at_ || stopping_) return;
  rests_at_ = kNever;
  rests_want_room_ = 0;
  settle_cuts();
  if (rests_.empty()) return;
  look_at_held();  // a name that was held back for this
  std::vector<int64_t> searched;
  Listings listings;
  for (const auto& [row, rest] : rests_) {
    if (!rest.taken_known || cut_pending(rest.file)) continue;
    if (packed_.contains(row) || !origin_of(rows_.at(row))) continue;  // not configured (any more)
    searched.push_back(row);
    listings.bases.insert(base_of(rows_.at(row).path));
  }
  for (int64_t row : searched) {
    if (!rests_.contains(row)) continue;  // found together with another one
    const bool forgets = planted(Planted::kCopyNotSought);
    Found found = forgets ? Found::kNo : search_copy(row, listings);
    if (found == Found::kNo && !forgets) found = search_archives(row);
    if (found == Found::kNo) give_up(row);
    if (found != Found::kUnknown) continue;
    uint32_t& searches = rests_.at(row).searches;
    const Duration pause = kRestPause * (int64_t{1} << std::min(searches++, kSlowdownsMax));
    rests_at_ = std::min(rests_at_, now_ + std::min(pause, settings_.reconcile_interval));
  }
}

// Where rotation puts copies: beside the file, beside the target of a link, and in an `olddir`,
// which is watched, or lies below or beside the directory of the file.
std::vector<std::string> Steward::directories_for(const CheckpointRow& row) {
  const std::string own = parent_of(row.path);
  std::vector<std::string> directories = {own};
  const auto target = world_.disk.resolve(row.path);
  if (target.ok()) add_directory(directories, parent_of(*target));
  add_subdirectories(world_.disk, own, directories);
  if (const std::string above = parent_of(own); above != "/")
    add_subdirectories(world_.disk, above, directories);
  catalogue_.list_directories(directories, kDirectoriesMax);
  return directories;
}

// Of files that no rotation named, only those that
// nobody follows.
const Result<Surroundings>& Steward::listing_of(const std::string& directory, bool by_name,
                                                Listings& listings) {
  const auto [at, is_new] = listings.seen.try_emplace({directory, by_name}, Surroundings{});
  if (!is_new) return at->second;
  const auto around = look_around(world_.disk, directory, [&](const std::string& name) {
    const auto befores = names_before_rotation(name);
    if (!by_name) return befores.empty() && !catalogue_.has_name(joined(directory, name));
    return listings.bases.contains(name) ||
           std::any_of(befores.begin(), befores.end(),
                       [&](const std::string& each) { return listings.bases.contains(each); });
  });
  if (around.ok()) at->second = *around;
  if (!around.ok()) at->second = around.error();
  return at->second;
}

// What we may not look into holds nothing for us; but people mend such things.
Steward::Found Steward::unless_denied(const Rest& rest, const Error& error) {
  const bool is_final = error.code == Errc::kDenied && rest.searches >= kSlowdownsMax;
  return is_final ? Found::kNo : Found::kUnknown;
}

Steward::Found Steward::search_copy(int64_t number, Listings& listings) {
  const CheckpointRow row = rows_.at(number);
  const Rest& rest = rests_.at(number);
  if (row.identity.head_bytes == 0 && rest.proof.bytes == 0) return Found::kNo;
  bool certain = true;
  for (const std::string& directory : directories_for(row)) {
    const Found found = search_in(number, directory, true, listings);
    if (found == Found::kYes) return found;
    certain = certain && found == Found::kNo;
  }
  if (!certain) return Found::kUnknown;
  const bool is_owed = rest.ledger.seen() > rest.window.committed() - FileOffset(0);
  return is_owed ? search_in(number, parent_of(row.path), false, listings) : Found::kNo;
}

Steward::Found Steward::search_in(int64_t number, const std::string& directory, bool by_name,
                                  Listings& listings) {
  const auto& around = listing_of(directory, by_name, listings);
  if (!around.ok()) return unless_denied(rests_.at(number), around.error());
  std::vector<const Sibling*> candidates;
  for (const Sibling& each : around->files) {
    if (!by_name || comes_of(joined(directory, each.name), rows_.at(number).path))
      candidates.push_back(&each);
  }
  // Of two equal copies the youngest was made for this truncation.
  std::stable_sort(candidates.begin(), candidates.end(), [](const Sibling* a, const Sibling* b) {
    return a->stat.modified > b->stat.modified;
  });
  if (!by_name && candidates.size() > kForeignNamesMax) candidates.resize(kForeignNamesMax);
  bool certain = around->steady;
  for (const Sibling* each : candidates) {
    const Found found = try_copy(number, joined(directory, each->name), each->stat);
    if (found == Found::kYes) return found;
    certain = certain && found == Found::kNo;
  }
  return certain ? Found::kNo : Found::kUnknown;
}

// The file is followed: as the copy for another destination, or as a file of its own.
Steward::Found Steward::try_followed(int64_t number, FollowedFile& file, const std::string& path) {
  if (file.state != FollowedFile::State::kOpen) return Found::kUnknown;
  const auto stat = world_.disk.stat(file.handle);
  const auto head = read_head(world_.disk, file.handle);
  if (!stat.ok() || !head.ok()) return Found::kUnknown;
  const Found found =
      continues(rests_.at(number), {.stat = *stat, .path = path, .head = *head}, file.handle);
  const auto origin = origin_of(rows_.at(number));
  if (found != Found::kYes || !origin) return found;
  if (!files_.serves(file, origin->destination)) {
    serve_rests(file, path);
    return rests_.contains(number) ? Found::kUnknown : Found::kYes;
  }
  // All its lines come from there, under the path that it has.
  Rest& rest = rests_.at(number);
  const bool sure = rest.proof.bytes > 0 || rows_.at(number).identity.head_bytes >= kCopyProofBytes;
  if (!sure) return Found::kNo;
  rest.ledger.goes_on_with(rest.taken - FileOffset(0));
  give_up(number);
  return Found::kYes;
}

Steward::Found Steward::try_copy(int64_t number, const std::string& path, const FileStat& seen) {
  FollowedFile* followed = files_.find(key_of(seen));
  const bool parked = followed != nullptr && followed->state == FollowedFile::State::kParked;
  if (followed != nullptr && !parked) return try_followed(number, *followed, path);
  if (open_files_ >= settings_.open_files_max) {
    ++rests_want_room_;
    if (room_at_ == kNever) room_at_ = now_ + kRoomPause;
    return Found::kUnknown;
  }
  const auto opened = world_.disk.open(path);
  if (!opened.ok()) return unless_denied(rests_.at(number), opened.error());
  const auto stat = world_.disk.stat(*opened);
  const auto head = read_head(world_.disk, *opened);
  const bool same = stat.ok() && head.ok() && key_of(*stat) == key_of(seen);
  const Found found =
      !same ? Found::kUnknown
            : continues(rests_.at(number), {.stat = *stat, .path = path, .head = *head}, *opened);
  if (found != Found::kYes || parked) {
    world_.disk.close(*opened);
    if (found != Found::kYes) return found;
    if (catalogue_.has_name(path)) open_path(path);
    return rests_.contains(number) ? Found::kUnknown : Found::kYes;
  }
  const Rest& rest = rests_.at(number);
  const bool all_acked = rest.window.committed() - FileOffset(0) >= stat->size;
  if (all_acked && catalogue_.wanted_by(path).empty()) {  // and nobody will ask for it again
    world_.disk.close(*opened);
    give_up(number);
    return Found::kYes;
  }
  FollowedFile& file = files_.add_file(key_of(*stat), *opened);
  ++open_files_;
  file.identity = identify(*stat, *head);
  file.size = stat->size;
  file.modified = stat->modified;
  file.quiet_since = now_;
  if (catalogue_.has_name(path)) file.names.push_back(path);
  const auto before = catalogue_.has_name(path) ? catalogue_.correct(path, *stat) : std::nullopt;
  if (before) lose_name(path, *before);
  unopened_.erase(path);
  held_.erase(path);
  serve_rests(file, path);
  if (file.tails.empty()) {
    files_.remove_file(file.key);
    --open_files_;
    world_.disk.close(*opened);
    return Found::kUnknown;
  }
  if (file.names.empty()) {
    follow_without_name(file);
  } else {
    serve_sources(file, path, false);
    touched_.push_back(file.key);
    settle_names();
  }
  return Found::kYes;
}

// Whether the file holds the content of which a rest is to be read. Under a name that rotation
// makes little proves it, else as much as tells any two files apart.
Steward::Found Steward::continues(const Rest& rest, const FileFacts& facts,
                                  FileHandle handle) const {
  const CheckpointRow& row = rows_.at(rest.row);
  const bool by_name = comes_of(std::string(facts.path), row.path);
  const int64_t birth = facts.stat.birth_ns, since = row.identity.birth_ns;
  if (birth != 0 && since != 0 && birth < since) return Found::kNo;
  if (facts.stat.modified < rest.seen_at) return Found::kNo;
  // Of a short copy not all of the head that is known can be there.
  const bool has_head = row.identity.head_bytes > 0 && row.identity.head_bytes <= facts.head.size();
  const bool other_head = has_head && !head_matches(row.identity, facts.head);
  const bool same_head = has_head && !other_head;
  if (other_head && (rest.head_known || rest.proof.bytes == 0)) return Found::kNo;
  const bool strong = same_head && row.identity.head_bytes >= kCopyProofBytes &&
                      rest.proof.bytes == Marker::kBytesMax;
  if (!strong && !by_name) return Found::kNo;
  if (!same_head && rest.proof.bytes == 0 && rest.taken_known) return Found::kNo;
  if (!rest.taken_known || cut_pending(rest.file)) return Found::kUnknown;
  ContentProof proof = rest.proof;
  if (FileOffset(facts.stat.size.value) < rest.taken) {
    const auto known = std::find_if(rest.copies.begin(), rest.copies.end(), [&](const auto& copy) {
      return copy.key == key_of(facts.stat) && copy.size == facts.stat.size;
    });
    if (known != rest.copies.end()) return Found::kYes;
    // What was copied may end before what was read last.
    const FileOffset acked = rest.window.committed();
    const auto before = static_cast<uint32_t>(std::min<int64_t>(acked.value, Marker::kBytesMax));
    proof = {acked, before, rest.window.proof()};
    const bool holds_acked = before > 0 && acked - FileOffset(0) <= facts.stat.size;
    if (!by_name || !holds_acked || other_head) return Found::kNo;
  }
  if (proof.bytes == 0) return Found::kYes;
  bool unreadable = false;
  const auto present = marker_reader(world_.disk, handle, &unreadable)(proof.at, proof.bytes);
  if (unreadable) return Found::kUnknown;
  return present == proof.hash ? Found::kYes : Found::kNo;
}

Steward::Found Steward::continues_any(const FileFacts& facts, FileHandle handle) const {
  Found best = Found::kNo;
  for (const auto& [row, rest] : rests_) {
    const Found found = origin_of(rows_.at(row)) ? continues(rest, facts, handle) : Found::kNo;
    if (found == Found::kYes) return found;
    if (found == Found::kUnknown) best = found;
  }
  return best;
}

}  // namespace sluice

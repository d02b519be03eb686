// SPDX-License-Identifier: Apache-2.0
// A new file whose name rotation makes of a followed one may be a copy in the making: its lines are
// those of the followed file. It is held back as long as it is like that file, and until the shards
// have said that they took nothing of what it holds.
#include <algorithm>
#include <utility>

#include "flow/discover/evidence.h"
#include "flow/discover/siblings.h"
#include "flow/steward.h"
#include "sluice/planted.h"

namespace sluice {
namespace {

constexpr size_t kDirectoriesMax = 64;

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string joined(const std::string& directory, const std::string& name) {
  return (directory == "/" ? "/" : directory + "/") + name;
}

// False for an older one, and if it is too short to tell.
bool may_be_younger(const FileFacts& facts, int64_t birth_ns) {
  const bool known = facts.stat.birth_ns != 0 && birth_ns != 0;
  if (known) return facts.stat.birth_ns >= birth_ns;
  return facts.stat.size == Bytes(0) || facts.stat.size >= Bytes(kCopyProofBytes);
}

// Whether the file holds just what the first bytes of the other one are.
// Nothing if the disk does not answer.
std::optional<bool> begins_alike(Disk& disk, FileHandle live, FileHandle file,
                                 const FileFacts& facts) {
  const auto live_head = read_head(disk, live);
  if (!live_head.ok()) return std::nullopt;
  if (live_head->size() < facts.head.size()) return false;
  if (!std::equal(facts.head.begin(), facts.head.end(), live_head->begin())) return false;
  const auto a = read_marker(disk, live, FileOffset(facts.stat.size.value));
  const auto b = read_marker(disk, file, FileOffset(facts.stat.size.value));
  if (!a.ok() && a.error().code == Errc::kNotFound) return false;  // the live one is shorter
  if (!a.ok() || !b.ok()) return std::nullopt;
  return marker_hash(*a) == marker_hash(*b);
}

}  // namespace

bool Steward::held_back(const std::string& path, FileHandle handle, const FileStat& stat,
                        std::span<const std::byte> head) {
  const FileFacts facts{.stat = stat, .path = path, .head = head};
  const auto befores = names_before_rotation(path.substr(path.rfind('/') + 1));
  if (befores.empty() || is_known(facts, handle) || planted(Planted::kCopyNotHeldBack))
    return false;
  const Found continued = continues_any(facts, handle);
  if (continued == Found::kYes) return false;
  const auto before = held_.find(path);
  HeldName held = before == held_.end()
                      ? HeldName{.original = {}, .since = now_, .first_look = first_look_}
                      : before->second;
  if (held.copy.key != key_of(stat) || held.copy.size > stat.size)
    held.copy = {.key = key_of(stat), .size = {}, .of = {}};
  if (continued == Found::kUnknown) {
    held_[path] = held;
    held_at_ = std::min(held_at_, now_ + kRestPause);
    return true;
  }
  std::vector<std::string> directories = {parent_of(path), parent_of(parent_of(path))};
  catalogue_.list_directories(directories, kDirectoriesMax);
  for (const std::string& name : befores) {
    for (const std::string& directory : directories) {
      const std::string original = joined(directory, name);
      if (original == path || !may_be_copy_of(original, held, handle, facts)) continue;
      held.original = original;
      held_[path] = held;
      return true;
    }
  }
  return false;
}

// Whether a row speaks of this very file.
bool Steward::is_known(const FileFacts& facts, FileHandle handle) {
  if (rows_.knows(facts.stat.inode, facts.stat.birth_ns)) return true;
  const MarkerReader marker = marker_reader(world_.disk, handle);
  const std::string path(facts.path);
  return std::any_of(
      settings_.destinations.begin(), settings_.destinations.end(), [&](const auto& destination) {
        const auto best =
            match(rows_.related(destination.name, facts.stat.inode, path), facts, marker);
        return best && goes_on(best->kinship);
      });
}

bool Steward::may_be_copy_of(const std::string& original, HeldName& held, FileHandle handle,
                             const FileFacts& facts) {
  const auto key = catalogue_.key_of_name(original);
  if (!key || *key == key_of(facts.stat)) return false;
  const FollowedFile* parked = files_.find(*key);
  if (parked != nullptr && parked->state == FollowedFile::State::kParked) {
    if (!may_be_younger(facts, parked->identity.birth_ns)) return false;
    if (open_files_ + 2 > settings_.open_files_max) {  // this one and that one
      held_want_room_ = 2;
      if (room_at_ == kNever) room_at_ = now_ + kRoomPause;
      return true;
    }
    const auto alike = begins_parked(*parked, original, handle, facts);
    if (alike && *alike) return is_still_held(held, *parked, handle, facts.stat.size);
    if (alike) return false;
    open_path(original);  // it changed: its row says what
  }
  FollowedFile* live = files_.find(*key);
  const auto waiting = unopened_.find(original);
  const bool wants_room = waiting != unopened_.end() && waiting->second.wants_room;
  const bool waits = live == nullptr || live->state == FollowedFile::State::kParked
                         ? wants_room
                         : live->state == FollowedFile::State::kReleasing;
  if (waits) {
    held_at_ = std::min(held_at_, now_ + kRestPause);
    return true;
  }
  if (live == nullptr || live->state != FollowedFile::State::kOpen || live->is_copy) return false;
  if (!may_be_younger(facts, live->identity.birth_ns)) return false;
  // When nothing was ever read of the original, a file of long ago is no copy of it.
  const bool resumed = std::any_of(live->tails.begin(), live->tails.end(), [&](TailId id) {
    return files_.at(id).window.committed() > FileOffset(0);
  });
  if (held.first_look && !resumed && live->modified - facts.stat.modified > kCopyFresh)
    return false;
  const auto alike = facts.stat.size == Bytes(0)
                         ? std::optional(true)
                         : begins_alike(world_.disk, live->handle, handle, facts);
  if (alike && *alike) return is_still_held(held, *live, handle, facts.stat.size);
  if (!alike || cut_pending(live->key)) {
    held_at_ = std::min(held_at_, now_ + kRestPause);
    return true;
  }
  return ask_tails(*live, held, handle);
}

// It is nothing but the beginning of that file.
bool Steward::is_still_held(HeldName& held, const FollowedFile& file, FileHandle handle,
                            Bytes size) {
  held.asked = false;
  if (held.copy.size != size) {
    held.since = now_;
    held.copy.of.clear();
  }
  held.copy.size = size;
  prove_copy(held.copy, file, handle);
  if (size == Bytes(0) || size >= Bytes(kCopyProofBytes)) return true;
  // So little may just be how both of them begin: what nobody truncates for is read after all.
  held_at_ = std::min(held_at_, held.since + kCopyFresh);
  return now_ < held.since + kCopyFresh;
}

// Later a tail may have read, and acknowledged, what was written behind the end of the copy.
void Steward::prove_copy(KnownCopy& copy, const FollowedFile& file, FileHandle handle) {
  const MarkerReader marker = marker_reader(world_.disk, handle);
  for (TailId id : file.tails) {
    const AckWindow& window = files_.at(id).window;
    const std::pair known(id, window.epoch());
    const FileOffset acked = window.committed();
    if (acked == FileOffset(0) || acked - FileOffset(0) > copy.size) continue;
    if (std::find(copy.of.begin(), copy.of.end(), known) != copy.of.end()) continue;
    const auto bytes = static_cast<uint32_t>(std::min<int64_t>(acked.value, Marker::kBytesMax));
    if (marker(acked, bytes) == window.proof()) copy.of.push_back(known);
  }
}

// The same for a file that is closed; nothing if it changed since, or the disk does not answer.
std::optional<bool> Steward::begins_parked(const FollowedFile& parked, const std::string& path,
                                           FileHandle handle, const FileFacts& facts) {
  const auto opened = world_.disk.open(path);
  if (!opened.ok()) return std::nullopt;
  const auto stat = world_.disk.stat(*opened);
  const bool same = stat.ok() && key_of(*stat) == parked.key && stat->size == parked.size &&
                    stat->modified == parked.modified;
  const auto alike = same ? begins_alike(world_.disk, *opened, handle, facts) : std::nullopt;
  world_.disk.close(*opened);
  return alike;
}

// It is another content than the file holds now: whether it is the one that its tails read.
bool Steward::ask_tails(FollowedFile& live, HeldName& held, FileHandle handle) {
  const bool answered = std::all_of(live.tails.begin(), live.tails.end(),
                                    [&](TailId id) { return files_.at(id).placed(); });
  if (held.asked && answered) return was_copied(live, handle);
  // Again, if it was closed meanwhile.
  for (TailId id : live.tails) {
    if (!held.asked || !files_.at(id).place_asked) ask_place(files_.at(id));
  }
  held.asked = true;
  held_at_ = std::min(held_at_, now_ + kRestPause);
  return true;
}

// A tail of the file took what this other file holds, and the file holds something else now: it was
// truncated, and the tail has not noticed yet.
bool Steward::was_copied(FollowedFile& live, FileHandle handle) {
  bool unreadable = false;
  const MarkerReader in_copy = marker_reader(world_.disk, handle, &unreadable);
  const MarkerReader in_live = marker_reader(world_.disk, live.handle, &unreadable);
  for (TailId id : live.tails) {
    const FollowedTail& tail = files_.at(id);
    const ContentProof& place = tail.place;
    if (place.bytes == 0 || tail.place_epoch < tail.window.epoch()) continue;
    if (in_copy(place.at, place.bytes) != place.hash && !unreadable) continue;
    if (in_live(place.at, place.bytes) == place.hash) continue;
    if (!unreadable) begin_cut(live, live.size);
    held_at_ = std::min(held_at_, now_ + kRestPause);
    return true;
  }
  return false;
}

// Held back, and known to hold what the tail read.
std::vector<KnownCopy> Steward::copies_of(const FollowedTail& tail) const {
  std::vector<KnownCopy> copies;
  const std::pair wanted(tail.id, tail.window.epoch());
  for (const auto& [path, held] : held_) {
    const auto& of = held.copy.of;
    if (std::find(of.begin(), of.end(), wanted) != of.end()) copies.push_back(held.copy);
  }
  return copies;
}

void Steward::look_at_held() {
  held_want_room_ = 0;
  if (held_.empty()) return;
  std::vector<std::string> paths;
  for (const auto& [path, held] : held_) paths.push_back(path);
  for (const std::string& path : paths) {
    if (catalogue_.has_name(path)) {
      open_path(path);
    } else {
      held_.erase(path);
    }
  }
  settle_names();
}

}  // namespace sluice

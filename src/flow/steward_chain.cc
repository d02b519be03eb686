// SPDX-License-Identifier: Apache-2.0
// Files that were made and rotated away before anybody looked: when a name turns out to refer to
// another file than the last one known, those that came in between lie beside it under names that
// rotation gave them. The time of birth tells them from older ones; so where the file system knows
// none, nothing is searched.
#include <algorithm>
#include <utility>

#include "flow/discover/evidence.h"
#include "flow/discover/siblings.h"
#include "flow/steward.h"

namespace sluice {
namespace {

using Kind = CatalogueEvent::Kind;

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

}  // namespace

// Before the event is applied: after it the file that the name refers to now is known as well.
void Steward::note_chain(const CatalogueEvent& event) {
  if (event.kind != Kind::kAppeared && event.kind != Kind::kMoved && event.kind != Kind::kGone)
    return;
  // It waited for a descriptor when it lost the name: nobody has read it.
  if (event.kind != Kind::kAppeared && unopened_.contains(event.path))
    expect_born_at(event.path, event.before_birth_ns);
  const bool is_there = event.kind != Kind::kGone;
  expect_members(event.path, is_there ? event.stat.birth_ns : 0);
}

// The hints tell where it went. If it cannot be opened there now, its birth tells it from others.
void Steward::follow_passed(const CatalogueEvent& event) {
  if (!follow_member(event.found_at, event.path, event.stat))
    expect_born_at(event.path, event.stat.birth_ns);
}

// A file of that birth, and younger ones.
void Steward::expect_born_at(const std::string& path, int64_t birth_ns) {
  if (birth_ns == 0) return;  // nothing would tell it from older ones
  int64_t& since = chains_.try_emplace(path, birth_ns - 1).first->second;
  since = std::min(since, birth_ns - 1);
  chains_at_ = now_;
}

// `present`: birth of the file that the name refers to now, 0 if there is none.
void Steward::expect_members(const std::string& path, int64_t present) {
  const int64_t newest = rows_.newest_birth(path);
  if (newest == 0 || newest == present) return;  // never followed, or nothing happened to it
  chains_.try_emplace(path, newest);             // an earlier bound that is not settled yet stays
  chains_at_ = now_;
}

void Steward::search_chains() {
  if (now_ < chains_at_) return;
  chains_at_ = kNever;
  members_want_room_ = 0;
  std::map<std::string, Chains> by_directory;
  for (const auto& [path, since] : chains_) by_directory[parent_of(path)].emplace(path, since);
  for (const auto& [directory, chains] : by_directory) {
    if (!search_members(directory, chains)) {
      chains_at_ = std::min(chains_at_, now_ + kChainPause);
      continue;
    }
    for (const auto& [path, since] : chains) chains_.erase(path);
  }
}

// False if something moved meanwhile, or has to wait.
bool Steward::search_members(const std::string& directory, const Chains& chains) {
  const std::string prefix = directory == "/" ? "/" : directory + "/";
  const auto chain_of = [&](const std::string& name) {
    for (const std::string& before : names_before_rotation(name)) {
      if (const auto chain = chains.find(prefix + before); chain != chains.end()) return chain;
    }
    return chains.end();
  };
  const auto around = look_around(world_.disk, directory, [&](const std::string& name) {
    return chain_of(name) != chains.end() && !catalogue_.has_name(prefix + name);
  });
  if (!around.ok()) return false;
  bool settled = around->steady;
  std::vector<Sibling> members;
  for (const Sibling& sibling : around->files) {
    const auto& [path, since] = *chain_of(sibling.name);
    if (sibling.stat.birth_ns > since && sibling.stat.modified.value >= since)
      members.push_back(sibling);
  }
  std::sort(members.begin(), members.end(),
            [](const Sibling& a, const Sibling& b) { return a.stat.birth_ns < b.stat.birth_ns; });
  for (const Sibling& member : members) {
    const std::string& path = chain_of(member.name)->first;
    const auto present = world_.disk.stat(path);
    // A younger one than what the name refers to now is none of its past.
    if (present.ok() && member.stat.birth_ns >= present->birth_ns) continue;
    settled = follow_member(prefix + member.name, path, member.stat) && settled;
  }
  return settled;
}

// Follows, as `path`, a file that was never seen under that name. False if it must be looked at
// again.
bool Steward::follow_member(const std::string& at, const std::string& path, const FileStat& seen) {
  if (files_.find(key_of(seen)) != nullptr || rows_.knows(seen.inode, seen.birth_ns)) return true;
  if (open_files_ >= settings_.open_files_max) {
    ++members_want_room_;
    if (room_at_ == kNever) room_at_ = now_ + kRoomPause;
    return false;
  }
  const auto handle = world_.disk.open(at);
  if (!handle.ok()) return handle.error().code == Errc::kDenied;
  const auto stat = world_.disk.stat(*handle);
  const auto head = read_head(world_.disk, *handle);
  const bool same =
      stat.ok() && head.ok() && key_of(*stat) == key_of(seen) && stat->birth_ns == seen.birth_ns;
  const auto copy = same ? is_copy(path, *stat, *head, *handle) : std::nullopt;
  if (!copy.has_value() || *copy || looks_compressed(*head)) {
    world_.disk.close(*handle);
    return copy.has_value();
  }
  FollowedFile& file = files_.add_file(key_of(*stat), *handle);
  ++open_files_;
  file.path = path;
  file.identity = identify(*stat, *head);
  file.size = stat->size;
  file.modified = stat->modified;
  follow_without_name(file);
  serve_sources(file, path, false);
  world_.metrics.files_added.add();
  world_.metrics.files_rotated.add();
  world_.log.event(Severity::kInfo, "file.rotated_unseen",
                   "a file was made and rotated before it was seen; it is read under the name "
                   "that it had",
                   {{"path", path}, {"found_at", at}});
  return true;
}

// Whether a row of the path goes on in this other file: copied before it was truncated. Nothing if
// the disk does not tell: a copy that is taken for a file of its own would be sent twice.
std::optional<bool> Steward::is_copy(const std::string& path, const FileStat& stat,
                                     std::span<const std::byte> head, FileHandle handle) {
  const FileFacts facts{.stat = stat, .path = path, .head = head};
  bool unreadable = false;
  const MarkerReader marker = marker_reader(world_.disk, handle, &unreadable);
  const auto rows = rows_.rows_of_path(path);
  const bool copied = std::any_of(rows.begin(), rows.end(), [&](int64_t row) {
    return judge(rows_.at(row), facts, marker) == Kinship::kCopied;
  });
  if (!copied && unreadable) return std::nullopt;
  return copied;
}

void Steward::follow_without_name(FollowedFile& file) {
  file.moved = true;
  file.leaving = true;
  file.quiet_since = now_;
  leaving_.insert(file.key);
  leaving_at_ = std::min(leaving_at_, now_ + kLeavingPause);
}

}  // namespace sluice

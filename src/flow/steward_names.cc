// SPDX-License-Identifier: Apache-2.0
// What names do: a name appears, moves to another file, goes away; a path becomes a followed file.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "flow/discover/evidence.h"
#include "flow/steward.h"
#include "sluice/crash_point.h"

namespace sluice {
namespace {

using Kind = CatalogueEvent::Kind;

bool holds(const std::vector<std::string>& names, const std::string& path) {
  return std::find(names.begin(), names.end(), path) != names.end();
}

}  // namespace

void Steward::apply(std::vector<CatalogueEvent>& events) {
  for (const CatalogueEvent& event : events) note_chain(event);
  for (const CatalogueEvent& event : events) {
    switch (event.kind) {
      case Kind::kAppeared:
        name_appeared(event);
        break;
      case Kind::kMoved:
        name_gone(event.path, event.before);
        name_appeared(event);
        break;
      case Kind::kGone:
        name_gone(event.path, event.before);
        break;
      case Kind::kWritten:
        file_written(event);
        break;
      case Kind::kPassed:
        follow_passed(event);
        break;
      case Kind::kVanished:
      case Kind::kNotRegular:
      case Kind::kUnreadable:
      case Kind::kDirectoryUnwatched:
      case Kind::kDirectoryUnreadable:
        note_trouble(event);
        break;
    }
  }
  // Only now: within one batch a file may lose a name and get another.
  settle_names();
}

void Steward::name_appeared(const CatalogueEvent& event) {
  // Another event of the batch, or an open, found that the name has moved on: it would stay here.
  if (!catalogue_.refers_to(event.path, key_of(event.stat))) return;
  FollowedFile* file = files_.find(key_of(event.stat));
  const bool reused = file != nullptr && file->state == FollowedFile::State::kParked &&
                      file->identity.birth_ns != event.stat.birth_ns;
  if (reused) {
    for (int64_t row : rows_.free_rows_of_inode(file->key.inode)) leave_row(row, true, now_);
  }
  if (file == nullptr || reused) return open_path(event.path);
  if (!holds(file->names, event.path)) file->names.push_back(event.path);
  touched_.push_back(file->key);
  if (file->state != FollowedFile::State::kOpen) return;
  serve_sources(*file, event.path, first_look_);
  // Nobody heard of what was written before the name was known.
  for (TailId id : file->tails) {
    FollowedTail& tail = files_.at(id);
    if (!tail.hot && tail.rest_size != event.stat.size) wake(tail);
  }
}

void Steward::name_gone(const std::string& path, const FileKey& key) {
  unopened_.erase(path);
  held_.erase(path);
  FollowedFile* file = files_.find(key);
  if (file == nullptr) {
    // It waited to be opened; its row, if it has one, finds it again.
    for (int64_t row : rows_.free_rows_of_inode(key.inode)) {
      if (!left_.contains(row)) leave_row(row, false, now_);
    }
    return;
  }
  lose_name(path, key);
}

// The catalogue was wrong about what is behind the path.
void Steward::lose_name(const std::string& path, const FileKey& key) {
  FollowedFile* file = files_.find(key);
  if (file == nullptr) return;
  std::erase(file->names, path);
  touched_.push_back(key);
}

void Steward::file_written(const CatalogueEvent& event) {
  FollowedFile* file = files_.find(event.before);
  if (file == nullptr && held_.contains(event.path)) return open_path(event.path);
  if (file == nullptr) return;  // it waits for a descriptor
  if (file->state == FollowedFile::State::kParked) return open_path(event.path);
  // It may have been truncated, which a shard without room does not notice.
  if (now_ >= file->looked_at + kHotLookPause) look_at(*file);
  if (file->state != FollowedFile::State::kOpen) return;  // looked at when the shards let go
  for (TailId id : file->tails) {
    FollowedTail& tail = files_.at(id);
    if (!tail.hot) wake(tail);
  }
}

void Steward::note_trouble(const CatalogueEvent& event) {
  const std::string reason =
      Error::from_errno("", event.sys_errno).message().substr(event.sys_errno == 0 ? 0 : 2);
  switch (event.kind) {
    case Kind::kVanished:
      world_.metrics.vanished_unread.add(event.files);
      world_.log.event(Severity::kInfo, "file.vanished",
                       "files were deleted or replaced before they could be opened; what they held "
                       "is not known",
                       {{"path", event.path}, {"files", std::to_string(event.files)}});
      break;
    case Kind::kNotRegular: {
      // Patterns like /var/log/* match directories all the time; only the rest deserves a word.
      const bool directory = event.stat.kind == FileKind::kDirectory;
      if (!directory) world_.metrics.skipped_files.add();
      world_.log.event(
          directory ? Severity::kDebug : Severity::kWarning, "file.special:" + event.path,
          "matches a pattern but is not a regular file; skipped", {{"path", event.path}});
      break;
    }
    case Kind::kUnreadable:
      world_.metrics.skipped_files.add();
      world_.log.event(Severity::kWarning, "file.unreadable:" + event.path,
                       "the file cannot be examined; it is tried again from time to time",
                       {{"path", event.path}, {"reason", reason}});
      break;
    case Kind::kDirectoryUnwatched:
      world_.metrics.watch_failures.add();
      world_.log.event(Severity::kWarning, "directory.unwatched:" + event.path,
                       event.sys_errno == ENOSPC
                           ? "the directory cannot be watched and is polled; raise "
                             "fs.inotify.max_user_watches to have it watched"
                           : "the directory cannot be watched and is polled",
                       {{"path", event.path}, {"reason", reason}});
      break;
    default:
      world_.log.event(Severity::kWarning, "directory.unreadable:" + event.path,
                       "the directory cannot be read; files known in it are followed on, new ones "
                       "are not seen until it can be read",
                       {{"path", event.path}, {"reason", reason}});
      break;
  }
}

void Steward::open_path(const std::string& path) {
  const Error no_room{Errc::kExhausted, 0, "descriptors"};
  if (open_files_ >= settings_.open_files_max) return could_not_open(path, no_room);
  const auto handle = world_.disk.open(path);
  if (!handle.ok()) return could_not_open(path, handle.error());
  const auto stat = world_.disk.stat(*handle);
  const bool usable = stat.ok() && stat->kind == FileKind::kRegular;
  FollowedFile* known = usable ? files_.find(key_of(*stat)) : nullptr;
  const bool followed = known != nullptr && known->state != FollowedFile::State::kParked;
  if (!usable || followed) world_.disk.close(*handle);
  if (!stat.ok()) return could_not_open(path, stat.error());
  if (!usable) return;  // it was replaced since the look; the next look says by what
  // Else the name would stay with this file when it moves on: the catalogue would speak of another.
  if (const auto before = catalogue_.correct(path, *stat)) {
    expect_members(path, stat->birth_ns);
    lose_name(path, *before);
  }
  if (!followed) return follow_opened(path, *handle, *stat);
  // Another name was faster: the file was renamed between the look and the open.
  unopened_.erase(path);
  if (!holds(known->names, path)) known->names.push_back(path);
  touched_.push_back(known->key);
  if (known->state == FollowedFile::State::kOpen) serve_sources(*known, path, first_look_);
}

void Steward::follow_opened(const std::string& path, FileHandle handle, const FileStat& stat) {
  const auto head = read_head(world_.disk, handle);
  if (!head.ok()) {
    world_.disk.close(handle);
    return could_not_open(path, head.error());
  }
  FollowedFile* parked = files_.find(key_of(stat));
  const bool is_new = parked == nullptr || parked->identity.birth_ns != stat.birth_ns;
  if (is_new && held_back(path, handle, stat, *head)) {
    unopened_.erase(path);
    world_.disk.close(handle);
    return;
  }
  std::vector<std::string> names;
  if (parked != nullptr) {
    // Whether it is still the same file, adopt() finds out from the row and the content.
    names = std::move(parked->names);
    files_.remove_file(parked->key);
  }
  const auto waited = unopened_.find(path);
  const auto held = held_.find(path);
  const bool first_look = first_look_ || (waited != unopened_.end() && waited->second.first_look) ||
                          (held != held_.end() && held->second.first_look);
  if (held != held_.end()) held_.erase(held);
  if (waited != unopened_.end()) unopened_.erase(waited);
  FollowedFile& file = files_.add_file(key_of(stat), handle);
  ++open_files_;
  file.identity = identify(stat, *head);
  file.path = path;
  file.names = std::move(names);
  if (!holds(file.names, path)) file.names.push_back(path);
  file.size = stat.size;
  file.modified = stat.modified;
  file.quiet_since = now_;
  world_.metrics.files_added.add();
  serve_sources(file, path, first_look);
  touched_.push_back(file.key);
}

void Steward::could_not_open(const std::string& path, const Error& error) {
  if (error.code == Errc::kNotFound) {  // it came and went; a rename brings a name of its own
    unopened_.erase(path);
    // Else a new file that gets the same inode number would pass for the one that was never opened.
    if (const auto before = catalogue_.forget(path)) lose_name(path, *before);
    return;
  }
  const auto [entry, is_new] = unopened_.try_emplace(path);
  entry->second.wants_room = error.code == Errc::kExhausted;
  entry->second.error = error;
  if (entry->second.wants_room && room_at_ == kNever) room_at_ = now_;
  if (!is_new) return;
  entry->second.first_look = first_look_;
  if (entry->second.wants_room) {
    world_.log.event(Severity::kWarning, "file.no_descriptor",
                     "all descriptors for files are in use; the file waits until a quiet one is "
                     "closed; raise RLIMIT_NOFILE to follow more at once",
                     {{"path", path}});
    return;
  }
  world_.metrics.skipped_files.add();
  if (error.code == Errc::kDenied && error.sys_errno == ELOOP) {
    world_.log.event(Severity::kWarning, "file.untrusted_link:" + path,
                     "the path leads through a symbolic link of somebody who does not own what it "
                     "leads to, and is not followed; give both to one user, or set follow_links",
                     {{"path", path}});
    return;
  }
  world_.log.event(Severity::kWarning, "file.unreadable:" + path,
                   "the file cannot be opened and is tried again from time to time; give the "
                   "agent's user read permission",
                   {{"path", path}, {"reason", error.message()}});
}

void Steward::retry_unopened(bool only_for_room) {
  std::vector<std::string> paths;
  for (const auto& [path, unopened] : unopened_) {
    if (unopened.wants_room || !only_for_room) paths.push_back(path);
  }
  for (const std::string& path : paths) {
    if (!catalogue_.has_name(path)) {
      unopened_.erase(path);
    } else if (open_files_ < settings_.open_files_max || !only_for_room) {
      open_path(
          path);  // without room it is noted as waiting for some, whatever it failed of before
    }
  }
  settle_names();
}

// One tail per destination; the first source that wants the file for it is the one.
void Steward::serve_sources(FollowedFile& file, const std::string& path, bool first_look) {
  std::set<DestinationId> barred;
  if (!rests_.empty()) barred = serve_rests(file, path);
  if (file.is_copy && !holds(file.names, path)) return;  // it has the path of its original
  for (SourceId source : catalogue_.wanted_by(path)) {
    for (DestinationId destination : settings_.sources[source.value].destinations) {
      if (barred.contains(destination)) continue;
      if (!files_.serves(file, destination)) {
        adopt(file, source, destination, first_look);
      } else if (files_.tail_for(file, destination)->source != source &&
                 !std::exchange(file.said_shared, true)) {
        world_.log.event(Severity::kInfo, "file.shared:" + file.path,
                         "several sources match the file; it is delivered once, as the first",
                         {{"path", path}, {"source", settings_.sources[source.value].name}});
      }
    }
  }
}

void Steward::settle_names() {
  for (const FileKey& key : std::exchange(touched_, {})) {
    FollowedFile* file = files_.find(key);
    if (file == nullptr) continue;
    if (!file->names.empty()) {
      if (std::exchange(file->leaving, false)) leaving_.erase(key);
      if (!holds(file->names, file->path) && !std::exchange(file->moved, true)) {
        // The new name matches a pattern, too: followed as before, but rotated all the same.
        world_.metrics.files_rotated.add();
        expect_last_line(*file);
      }
      continue;
    }
    if (file->state == FollowedFile::State::kParked) {
      for (int64_t row : rows_.free_rows_of_inode(key.inode)) leave_row(row, false, now_);
      files_.remove_file(key);
    } else if (!file->leaving) {
      begin_leaving(*file);
    }
  }
}

void Steward::begin_leaving(FollowedFile& file) {
  file.leaving = true;
  leaving_.insert(file.key);
  leaving_at_ = std::min(leaving_at_, now_ + kLeavingPause);
  if (file.state != FollowedFile::State::kOpen) return;  // settled when the shards let go
  look_at(file);
  file.quiet_since = now_;  // the grace time runs from here at the earliest
  if (!std::exchange(file.moved, true))
    (file.unlinked ? world_.metrics.files_deleted : world_.metrics.files_rotated).add();
  expect_last_line(file);
}

// Its writer will turn to another file: an unfinished line is the last one and will stay so.
void Steward::expect_last_line(const FollowedFile& file) {
  if (file.state != FollowedFile::State::kOpen) return;  // said when it is adopted again
  SLUICE_CRASHPOINT("steward.rotation.before");
  for (TailId id : file.tails) {
    FollowedTail& tail = files_.at(id);
    order(tail, ShardOrder::Kind::kRotated);  // wakes it, too
    tail.hot = true;
  }
  SLUICE_CRASHPOINT("steward.rotation.after");
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "flow/discover/catalogue.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

using Kind = CatalogueEvent::Kind;

std::string join(const std::string& directory, const std::string& name) {
  return directory == "/" ? "/" + name : directory + "/" + name;
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::vector<std::string> roots_of(const std::vector<PathRules>& sources) {
  std::vector<std::string> all;
  for (const PathRules& rules : sources) {
    for (std::string& root : rules.roots()) {
      if (std::find(all.begin(), all.end(), root) == all.end()) all.push_back(std::move(root));
    }
  }
  return all;
}

bool is_gone(const Error& error) {
  return error.code == Errc::kNotFound;
}

CatalogueEvent trouble(Kind kind, const std::string& path, int32_t sys_errno) {
  CatalogueEvent event;
  event.kind = kind;
  event.path = path;
  event.sys_errno = sys_errno;
  return event;
}

}  // namespace

Catalogue::Catalogue(Disk& disk, DirectoryFeed& feed, std::vector<PathRules> sources)
    : disk_(disk), feed_(feed), sources_(std::move(sources)), roots_(roots_of(sources_)) {}

void Catalogue::reconcile(Events& events) {
  ++generation_;
  for (const std::string& root : roots_) walk_root(root, events);
  for (auto it = directories_.begin(); it != directories_.end();) {
    it = it->second.seen == generation_ ? std::next(it) : drop_directory(it, events);
  }
  for (const std::string& directory : targets_.forget_unseen(generation_)) {
    if (!directories_.contains(directory)) feed_.unwatch(directory);
  }
}

void Catalogue::notice(const std::vector<DirectoryChange>& changes, Events& events) {
  ++generation_;
  for (const DirectoryChange& change : changes) {
    look_at_target(change, events);
    look_at_hint(change, events);
  }
  look_at_doubtful(events);
  end_batch(events);
}

void Catalogue::look_at_hint(const DirectoryChange& change, Events& events) {
  const auto known = directories_.find(change.directory);
  if (known == directories_.end()) return;  // a hint from before it was dropped
  Directory& directory = known->second;
  if (!change.name.empty()) {
    const auto name = directory.names.find(change.name);
    if (change.content && name != directory.names.end() && name->second.regular) {
      CatalogueEvent event;
      event.kind = Kind::kWritten;
      event.path = join(change.directory, change.name);
      event.before = name->second.key;
      events.push_back(std::move(event));
    } else {
      take_step(change, directory, sight_of(change, directory, events));
    }
    return;
  }
  look_again(std::string(change.directory), events);
}

// What happens to the file behind a link is seen where the file is.
void Catalogue::look_at_target(const DirectoryChange& change, Events& events) {
  for (const std::string& link : targets_.links_to(change.directory, change.name)) {
    if (change.name.empty()) find_target(link);  // its directory moved or went away
    const std::string directory = parent_of(link);
    if (!directories_.contains(directory)) continue;
    const std::string name = link.substr(link.rfind('/') + 1);
    DirectoryChange at_link;
    at_link.directory = directory;
    at_link.name = name;
    at_link.content = change.content;
    look_at_hint(at_link, events);
  }
}

// The directory itself moved or went away: its watch, if any, is on something else by now.
void Catalogue::look_again(const std::string& path, Events& events) {
  Directory& directory = directories_.at(path);
  unwatch(path, directory);
  directory.seen = 0;
  walk(path, events);
  for (const std::string& root : roots_) {
    if (!directories_.contains(root)) walk_root(root, events);
  }
}

void Catalogue::look_at_doubtful(Events& events) {
  for (const std::string& path : std::vector(doubtful_.begin(), doubtful_.end())) {
    const auto known = directories_.find(path);
    if (known == directories_.end()) continue;
    const auto stat = disk_.stat(path);
    const bool same = stat.ok() ? key_of(*stat) == known->second.key : !is_gone(stat.error());
    if (!same) look_again(path, events);
  }
}

void Catalogue::recheck(Events& events) {
  ++generation_;
  look_at_doubtful(events);
  doubtful_.clear();
}

// A root that does not exist yet is waited for in the deepest directory that does: what appears
// there is a directory in which a pattern may go on, like any other.
void Catalogue::walk_root(const std::string& root, Events& events) {
  std::string top = root;
  while (top != "/") {
    const auto stat = disk_.stat(top);
    if (stat.ok() ? stat->kind == FileKind::kDirectory : !is_gone(stat.error())) break;
    drop_subtree(top, events);
    top = parent_of(top);
  }
  walk(top, events);
}

void Catalogue::walk(const std::string& top, Events& events) {
  std::vector<std::string> below = {top};
  while (!below.empty()) {
    const std::string path = std::move(below.back());
    below.pop_back();
    look_at_directory(path, below, events);
  }
}

void Catalogue::look_at_directory(const std::string& path, std::vector<std::string>& below,
                                  Events& events) {
  const auto stat = disk_.stat(path);
  if (stat.ok() ? stat->kind != FileKind::kDirectory : is_gone(stat.error()))
    return drop_subtree(path, events);
  Directory& directory = directories_[path];
  if (directory.seen == generation_) return;  // two patterns lead here
  directory.seen = generation_;
  if (stat.ok() && directory.key != key_of(*stat)) {
    if (directory.watched) unwatch(path, directory);  // the watch is on a directory that is gone
    directory.key = key_of(*stat);
  }
  // First the watch, then the look: what happens in between is seen twice and not missed.
  if (stat.ok()) watch(path, directory, events);
  const Result<void> listed = stat.ok() ? disk_.list(path, entries_) : stat.error();
  if (!listed.ok()) {
    if (is_gone(listed.error())) return drop_subtree(path, events);
    if (!std::exchange(directory.said_unreadable, true))
      events.push_back(trouble(Kind::kDirectoryUnreadable, path, listed.error().sys_errno));
    return keep_subtree(path);
  }
  directory.said_unreadable = false;
  for (const DirectoryEntry& entry : entries_) look_at_entry(path, entry, directory, below, events);
  drop_unseen_names(path, directory, events);
}

void Catalogue::look_at_entry(const std::string& path, const DirectoryEntry& entry,
                              Directory& directory, std::vector<std::string>& below,
                              Events& events) {
  const std::string child = join(path, entry.name);
  const bool link = entry.kind == FileKind::kSymlink;
  if (entry.kind == FileKind::kDirectory && descends(child, false)) below.push_back(child);
  std::vector<SourceId> sources = wanted_by(child);
  const bool leads_on = link && descends(child, true);
  if (sources.empty() && !leads_on) return;
  if (link && !sources.empty()) find_target(child);
  const auto stat = disk_.stat(child);
  if (leads_on && stat.ok() && stat->kind == FileKind::kDirectory) below.push_back(child);
  if (!sources.empty())
    look_at_file(child, entry.name, std::move(sources), stat, directory, events);
}

void Catalogue::look_at_file(const std::string& path, const std::string& name,
                             std::vector<SourceId> sources, const Result<FileStat>& stat,
                             Directory& directory, Events& events) {
  if (!stat.ok() && is_gone(stat.error())) return;  // between the listing and now, or a dead link
  const auto [it, is_new] = directory.names.try_emplace(name);
  Name& known = it->second;
  known.seen = generation_;
  if (!stat.ok()) {  // cannot be examined: keep what is known
    if (is_new) events.push_back(trouble(Kind::kUnreadable, path, stat.error().sys_errno));
    return;
  }
  const FileKey key = key_of(*stat);
  if (stat->kind != FileKind::kRegular) {
    if (known.regular) forget_name(path, known, events);
    if (is_new || known.regular) {
      CatalogueEvent event = trouble(Kind::kNotRegular, path, 0);
      event.stat = *stat;
      events.push_back(std::move(event));
    }
    known.regular = false;
    return;
  }
  const bool same = known.regular && known.key == key && known.birth_ns == stat->birth_ns;
  if (same) return;
  CatalogueEvent event;
  event.kind = known.regular ? Kind::kMoved : Kind::kAppeared;
  event.path = path;
  event.before = known.key;
  event.before_birth_ns = known.birth_ns;
  event.stat = *stat;
  event.sources = std::move(sources);
  events.push_back(std::move(event));
  if (!known.regular) ++names_;
  known.key = key;
  known.birth_ns = stat->birth_ns;
  known.found = generation_;
  known.regular = true;
}

void Catalogue::look_at_name(const std::string& directory_path, const std::string& name,
                             Events& events) {
  const std::string path = join(directory_path, name);
  std::vector<SourceId> sources = wanted_by(path);
  const bool leads_on = descends(path, false);
  const auto stat = disk_.stat(path);
  if (stat.ok() && stat->kind == FileKind::kDirectory && leads_on)
    return look_at_new_directory(directory_path, name, events);
  if (leads_on) drop_subtree(path, events);
  Directory& directory = directories_.at(directory_path);
  if (!sources.empty() && stat.ok() && is_link(directory_path, name)) find_target(path);
  if (!sources.empty()) look_at_file(path, name, sources, stat, directory, events);
  const auto known = directory.names.find(name);
  if (known == directory.names.end() || known->second.seen == generation_) return;
  if (stat.ok() || !is_gone(stat.error())) return;
  if (known->second.regular) forget_name(path, known->second, events);
  directory.names.erase(known);
  doubtful_.insert(directory_path);
}

// Only the listing tells a directory from a link to one.
void Catalogue::look_at_new_directory(const std::string& directory, const std::string& name,
                                      Events& events) {
  if (!disk_.list(directory, entries_).ok()) return;
  std::vector<std::string> below;
  for (const DirectoryEntry& entry : entries_) {
    if (entry.name == name)
      look_at_entry(directory, entry, directories_.at(directory), below, events);
  }
  for (const std::string& path : below) {
    // It may be another one than before under the same name.
    if (const auto known = directories_.find(path); known != directories_.end())
      known->second.seen = 0;
    walk(path, events);
  }
}

void Catalogue::watch(const std::string& path, Directory& directory, Events& events) {
  if (directory.watched) return;
  const auto watched = feed_.watch(path);
  directory.watched = watched.ok();
  if (watched.ok() || is_gone(watched.error())) return;
  if (!std::exchange(directory.said_unwatched, true))
    events.push_back(trouble(Kind::kDirectoryUnwatched, path, watched.error().sys_errno));
}

void Catalogue::unwatch(const std::string& path, Directory& directory) {
  feed_.unwatch(path);
  directory.watched = false;
  if (targets_.holds_targets(path)) (void)feed_.watch(path);
}

// Only for a name that changed: a listing knows it without asking.
bool Catalogue::is_link(const std::string& directory, const std::string& name) const {
  const std::string path = join(directory, name);
  const auto target = disk_.resolve(path);
  if (!target.ok() || *target == path) return false;
  // It may be no more than a file in a directory behind a link.
  const auto parent = disk_.resolve(directory);
  return !parent.ok() || *target != join(*parent, name);
}

// Where a link leads. Without a watch there the next comparison finds what happened to the file.
void Catalogue::find_target(const std::string& link) {
  targets_.saw(link, generation_);
  const auto target = disk_.resolve(link);
  if (!target.ok()) return;
  targets_.lead(link, *target, generation_);
  (void)feed_.watch(parent_of(*target));
}

void Catalogue::keep_subtree(const std::string& path) {
  const std::string prefix = join(path, "");
  for (auto it = directories_.lower_bound(prefix); it != directories_.end(); ++it) {
    if (it->first.compare(0, prefix.size(), prefix) != 0) break;
    it->second.seen = generation_;
  }
}

void Catalogue::drop_subtree(const std::string& path, Events& events) {
  if (const auto top = directories_.find(path); top != directories_.end())
    drop_directory(top, events);
  const std::string prefix = join(path, "");
  auto it = directories_.lower_bound(prefix);
  while (it != directories_.end() && it->first.compare(0, prefix.size(), prefix) == 0)
    it = drop_directory(it, events);
}

Catalogue::Directories::iterator Catalogue::drop_directory(Directories::iterator directory,
                                                           Events& events) {
  for (const auto& [name, known] : directory->second.names) {
    if (known.regular) forget_name(join(directory->first, name), known, events);
  }
  if (directory->second.watched) unwatch(directory->first, directory->second);
  return directories_.erase(directory);
}

void Catalogue::drop_unseen_names(const std::string& path, Directory& directory, Events& events) {
  for (auto it = directory.names.begin(); it != directory.names.end();) {
    if (it->second.seen == generation_) {
      ++it;
      continue;
    }
    if (it->second.regular) forget_name(join(path, it->first), it->second, events);
    it = directory.names.erase(it);
  }
}

void Catalogue::forget_name(const std::string& path, const Name& name, Events& events) {
  SLUICE_CHECK(name.regular && names_ > 0, "only a counted name can be forgotten");
  --names_;
  CatalogueEvent event;
  event.kind = Kind::kGone;
  event.path = path;
  event.before = name.key;
  event.before_birth_ns = name.birth_ns;
  events.push_back(std::move(event));
  remember(path, name);
}

std::vector<SourceId> Catalogue::wanted_by(const std::string& path) const {
  std::vector<SourceId> wanted;
  for (uint32_t i = 0; i < sources_.size(); ++i) {
    if (sources_[i].wants(path)) wanted.push_back(SourceId(i));
  }
  return wanted;
}

bool Catalogue::has_name(const std::string& path) const {
  const auto directory = directories_.find(parent_of(path));
  if (directory == directories_.end()) return false;
  const auto name = directory->second.names.find(path.substr(path.rfind('/') + 1));
  return name != directory->second.names.end() && name->second.regular;
}

bool Catalogue::refers_to(const std::string& path, const FileKey& key) const {
  const auto directory = directories_.find(parent_of(path));
  if (directory == directories_.end()) return false;
  const auto name = directory->second.names.find(path.substr(path.rfind('/') + 1));
  return name != directory->second.names.end() && name->second.regular && name->second.key == key;
}

std::optional<FileKey> Catalogue::key_of_name(const std::string& path) const {
  const auto directory = directories_.find(parent_of(path));
  if (directory == directories_.end()) return std::nullopt;
  const auto name = directory->second.names.find(path.substr(path.rfind('/') + 1));
  if (name == directory->second.names.end() || !name->second.regular) return std::nullopt;
  return name->second.key;
}

void Catalogue::list_directories(std::vector<std::string>& directories, size_t max) const {
  for (const auto& [path, directory] : directories_) {
    if (directories.size() >= max) return;
    if (std::find(directories.begin(), directories.end(), path) == directories.end())
      directories.push_back(path);
  }
}

Catalogue::Name* Catalogue::find_name(const std::string& path) {
  const auto directory = directories_.find(parent_of(path));
  if (directory == directories_.end()) return nullptr;
  const auto name = directory->second.names.find(path.substr(path.rfind('/') + 1));
  return name == directory->second.names.end() ? nullptr : &name->second;
}

std::optional<FileKey> Catalogue::correct(const std::string& path, const FileStat& stat) {
  Name* name = find_name(path);
  if (name == nullptr || !name->regular) return std::nullopt;
  name->birth_ns = stat.birth_ns;
  const FileKey before = std::exchange(name->key, key_of(stat));
  if (before == name->key) return std::nullopt;
  return before;
}

std::optional<FileKey> Catalogue::forget(const std::string& path) {
  const Name* name = find_name(path);
  if (name == nullptr) return std::nullopt;
  std::optional<FileKey> before;
  if (name->regular) before = name->key;
  if (name->regular) --names_;
  directories_.at(parent_of(path)).names.erase(path.substr(path.rfind('/') + 1));
  return before;
}

bool Catalogue::descends(const std::string& path, bool through_link) const {
  return std::any_of(sources_.begin(), sources_.end(),
                     [&](const PathRules& rules) { return rules.descends(path, through_link); });
}

}  // namespace sluice

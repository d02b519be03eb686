// SPDX-License-Identifier: Apache-2.0
// Files that came and went under a wanted name while nobody looked: those that still have a name
// somewhere are told of with it, the others are counted. A look may be faster than the hints of
// what it finds, so a file is no stranger because a name changed hands: what is counted is how many
// files left the name, less those that looks have found behind it.
#include <functional>
#include <utility>

#include "flow/discover/catalogue.h"

namespace sluice {
namespace {

using Kind = CatalogueEvent::Kind;

// So many names that are gone are remembered between two batches of hints. More are gone at once
// only where a directory is: hints of names in it lead nowhere.
constexpr size_t kGhostsMax = 1'024;

std::string join(const std::string& directory, const std::string& name) {
  return directory == "/" ? "/" + name : directory + "/" + name;
}

std::pair<std::string, std::string> parts_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return {path.substr(0, slash == 0 ? 1 : slash), path.substr(slash + 1)};
}

// 64 bits instead of two texts: names that collide are looked at by the next comparison.
uint64_t key_of_place(const std::string& directory, const std::string& name) {
  const std::hash<std::string> hash;
  return hash(directory) * 0x9E37'79B9'7F4A'7C15ULL ^ hash(name);
}

}  // namespace

// The first hint of a name in a batch has it looked at; the others only tell its way.
Passages::Sight& Catalogue::sight_of(const DirectoryChange& change, Directory& directory,
                                     Events& events) {
  const auto [it, is_new] = sights_.try_emplace(key_of_place(change.directory, change.name));
  Passages::Sight& sight = it->second;
  if (!is_new) return sight;
  const std::string path = join(change.directory, change.name);
  sight.wanted = !wanted_by(path).empty();
  if (!sight.wanted && !descends(path, false)) return sight;  // most names that rotation makes
  const auto name = directory.names.find(change.name);
  const auto ghost = ghosts_.find(path);
  if (name != directory.names.end()) {
    const Name& known = name->second;
    sight.had = true;
    sight.key = known.key;
    sight.ahead = known.found >= noticed_ && known.announced != known.found;
  } else if (ghost != ghosts_.end()) {
    sight.had = true;
    sight.key = ghost->second.key;
  }
  look_at_name(change.directory, change.name, events);
  return sight;
}

void Catalogue::take_step(const DirectoryChange& change, Directory& directory,
                          Passages::Sight& sight) {
  using Step = DirectoryChange::Step;
  if (change.step == Step::kSomehow || (!sight.wanted && passages_.idle())) return;
  passages_.take(change.step, change.rename, join(change.directory, change.name), sight);
  if (!sight.wanted || (change.step != Step::kMade && change.step != Step::kCame)) return;
  if (const auto name = directory.names.find(change.name); name != directory.names.end())
    name->second.announced = generation_;
}

void Catalogue::settle_passages(Events& events) {
  std::map<std::string, Tally> tallies;
  for (Passages::Traveller& traveller : passages_.travellers()) {
    Tally& tally = tallies[traveller.path];
    if (traveller.sight != nullptr) tally.sight = traveller.sight;
    const bool goes_on = traveller.rename != 0 && !traveller.known && !traveller.carried;
    traveller.keep = goes_on;  // the second half of the rename may come with the next batch
    if (!goes_on && traveller.at.empty()) ++tally.gone;
    tally.doubtful = tally.doubtful || (!traveller.known && !traveller.wanted);
  }
  for (auto& [path, tally] : tallies) {
    if (tally.sight == nullptr || !tally.sight->had) continue;
    tally.found = is_as_before(path, *tally.sight);
    tally.doubtful = tally.doubtful || (tally.found && tally.sight->left);
  }
  for (Passages::Traveller& traveller : passages_.travellers()) {
    if (!traveller.at.empty()) find_traveller(traveller, tallies.at(traveller.path), events);
  }
  for (const auto& [path, tally] : tallies) {
    int64_t looked_at = 0;  // of those that are gone
    if (tally.sight != nullptr && tally.sight->had) {
      looked_at = (tally.found ? 0 : 1) + (tally.sight->replaced ? 1 : 0);
    }
    if (tally.gone <= looked_at) continue;
    CatalogueEvent event;
    event.kind = Kind::kVanished;
    event.path = path;
    event.files = tally.gone - looked_at;
    events.push_back(std::move(event));
  }
  passages_.end_batch();
}

void Catalogue::end_batch(Events& events) {
  if (!passages_.idle()) settle_passages(events);
  std::erase_if(ghosts_, [&](const auto& entry) {
    const auto sight = sights_.find(entry.second.place);
    const bool told = sight != sights_.end() && sight->second.left;
    return told || entry.second.generation != generation_;
  });
  if (!sights_.empty()) sights_ = {};  // clear() would go through every bucket of a big batch
  noticed_ = generation_;
}

// Where it is now. What the last look found is not asked for, unless another file was there since.
void Catalogue::find_traveller(Passages::Traveller& traveller, Tally& tally, Events& events) {
  const bool had = tally.sight != nullptr && tally.sight->had;
  if (traveller.wanted) {  // a look at that name has told
    const Name* name = find_name(traveller.at);
    if (had && name != nullptr && name->key == tally.sight->key) tally.found = true;
    return;
  }
  if (traveller.known && !tally.doubtful) return;
  const auto stat = disk_.stat(traveller.at);
  if (!stat.ok()) {
    if (stat.error().code != Errc::kNotFound) return;
    // It was renamed on, or deleted, since: the next batch tells.
    traveller.keep = !traveller.known && !traveller.carried;
    if (!traveller.keep) ++tally.gone;
    return;
  }
  if (had && key_of(*stat) == tally.sight->key) {
    tally.found = true;
    return;
  }
  if (stat->kind != FileKind::kRegular) return;
  CatalogueEvent event;
  event.kind = Kind::kPassed;
  event.path = traveller.path;
  event.stat = *stat;
  event.found_at = traveller.at;
  events.push_back(std::move(event));
}

// The same file is behind the name, though others were since: it was the last of them. Unless the
// name is not a file's only one: then it may be given to the same file again.
bool Catalogue::is_as_before(const std::string& path, const Passages::Sight& sight) {
  const Name* name = find_name(path);
  if (name == nullptr || name->key != sight.key) return false;
  const auto stat = disk_.stat(path);
  if (!stat.ok() || stat->links > 1) return false;
  const auto [directory, last] = parts_of(path);
  return !is_link(directory, last);
}

// Gone before the hint of it came, perhaps.
void Catalogue::remember(const std::string& path, const Name& name) {
  if (ghosts_.size() >= kGhostsMax) return;
  const auto [directory, last] = parts_of(path);
  ghosts_[path] = {name.key, key_of_place(directory, last), generation_};
}

}  // namespace sluice

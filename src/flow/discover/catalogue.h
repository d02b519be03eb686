// SPDX-License-Identifier: Apache-2.0
// catalogue.h — which names exist in which directories, and which file each name refers to now.
//
// In:      the patterns of the sources; a look at the disk (reconcile) or hints from the feed.
// Out:     events: a name appeared, moved to another file, went away; a file was written to, or
// came
//          and went under a name while nobody looked.
// Owns:    the list of watched directories, of matching names, and where those that are links lead.
//          Borrows Disk and DirectoryFeed.
// Thread:  the steward's. No clock: who calls decides when.
// Limits:  one entry per matching name and per directory below the roots. A directory that cannot
//          be watched is polled: it is looked at in every reconcile, like all others.
// Fails:   a directory that cannot be read (permissions, EIO, a stale mount) keeps its names: what
//          cannot be seen has not gone.
// Why so:  notifications may be lost, late or doubled, and a directory may be replaced under its
//          name. So nothing is believed but stat(): a hint only says where to look, and comparing
//          everything finds what the hints forgot. Both take the same path through the code.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "flow/discover/glob.h"
#include "flow/discover/identity.h"
#include "flow/discover/link_targets.h"
#include "flow/discover/passages.h"
#include "sluice/disk.h"
#include "sluice/ids.h"

namespace sluice {

struct CatalogueEvent {
  enum class Kind : uint8_t {
    kAppeared,             // `path` refers to the file of `stat`
    kMoved,                // `path` referred to `before`, and now to the file of `stat`
    kGone,                 // `path` referred to `before`
    kWritten,              // somebody wrote to the file `before`, known as `path`
    kPassed,               // the file of `stat`, now `found_at`, was `path`; no look saw it there
    kVanished,             // `files` files that were `path` are gone, and no look saw them
    kNotRegular,           // `path` matches but is a FIFO, a socket, a device; said once
    kUnreadable,           // `path` cannot be examined (sys_errno); said once until it can
    kDirectoryUnwatched,   // `path` is polled: the limit of watches is reached; said once
    kDirectoryUnreadable,  // `path` cannot be listed (sys_errno); said once until it can
  };
  Kind kind = Kind::kAppeared;
  std::string path;
  FileKey before;
  FileStat stat;
  std::vector<SourceId> sources;  // kAppeared, kMoved: those whose patterns want the path
  int32_t sys_errno = 0;
  int64_t before_birth_ns = 0;  // of `before`
  std::string found_at{};
  int64_t files = 0;
};

class Catalogue {
 public:
  // Borrows `disk` and `feed`, which outlive the catalogue. sources[i] is SourceId(i).
  Catalogue(Disk& disk, DirectoryFeed& feed, std::vector<PathRules> sources);

  // Compares everything. Appends events.
  void reconcile(std::vector<CatalogueEvent>& events);
  // Looks where the hints point. Appends events.
  void notice(const std::vector<DirectoryChange>& changes, std::vector<CatalogueEvent>& events);

  // A directory from which a name vanished may have vanished with it. The kernel does not say so as
  // long as somebody, like us, holds one of its deleted files open. So such directories are looked
  // at once more a little later.
  bool doubtful() const { return !doubtful_.empty(); }
  void recheck(std::vector<CatalogueEvent>& events);

  // The sources whose patterns want the path, in the order of the configuration.
  std::vector<SourceId> wanted_by(const std::string& path) const;
  // Whether `path` is a name that is followed and present.
  bool has_name(const std::string& path) const;
  bool refers_to(const std::string& path, const FileKey& key) const;
  // The file that it refers to.
  std::optional<FileKey> key_of_name(const std::string& path) const;
  // Appends the directories in which names are looked for, but those that are in the list already,
  // until it has `max`.
  void list_directories(std::vector<std::string>& directories, size_t max) const;
  // Who opened the name found this file behind it. Returns the other one that was there at the last
  // look, if it was another.
  std::optional<FileKey> correct(const std::string& path, const FileStat& stat);
  // The name is not there after all: the next look that finds it says that it appeared. Returns the
  // file that it was believed to refer to.
  std::optional<FileKey> forget(const std::string& path);
  size_t names() const { return names_; }
  size_t directories() const { return directories_.size(); }

 private:
  struct Name {
    FileKey key;
    int64_t birth_ns = 0;
    uint64_t seen = 0;       // generation of the last look that found it
    uint64_t found = 0;      // the first look that found this file behind it
    uint64_t announced = 0;  // the last batch of hints that said that it was given to a file
    bool regular = false;    // false: said that it is none, or that it cannot be examined
  };
  // What a look found behind a name that is gone since.
  struct Ghost {
    FileKey key;
    uint64_t place = 0;
    uint64_t generation = 0;
  };
  struct Tally {
    int64_t gone = 0;
    bool found = false;  // what the last look before this batch found is still there
    bool doubtful = false;
    const Passages::Sight* sight = nullptr;
  };
  struct Directory {
    FileKey key;
    uint64_t seen = 0;
    bool watched = false;
    bool said_unwatched = false;
    bool said_unreadable = false;
    std::unordered_map<std::string, Name> names;
  };
  using Directories = std::map<std::string, Directory>;  // sorted: a subtree is a range
  using Events = std::vector<CatalogueEvent>;

  void walk_root(const std::string& root, Events& events);
  void walk(const std::string& top, Events& events);
  void look_at_directory(const std::string& path, std::vector<std::string>& below, Events& events);
  void look_at_entry(const std::string& path, const DirectoryEntry& entry, Directory& directory,
                     std::vector<std::string>& below, Events& events);
  void look_at_file(const std::string& path, const std::string& name, std::vector<SourceId> sources,
                    const Result<FileStat>& stat, Directory& directory, Events& events);
  void look_at_hint(const DirectoryChange& change, Events& events);
  void look_again(const std::string& path, Events& events);
  void look_at_doubtful(Events& events);
  void look_at_target(const DirectoryChange& change, Events& events);
  void look_at_name(const std::string& directory, const std::string& name, Events& events);
  void look_at_new_directory(const std::string& directory, const std::string& name, Events& events);
  // catalogue_passages.cc: files that no look saw.
  Passages::Sight& sight_of(const DirectoryChange& change, Directory& directory, Events& events);
  void take_step(const DirectoryChange& change, Directory& directory, Passages::Sight& sight);
  void end_batch(Events& events);
  void settle_passages(Events& events);
  void find_traveller(Passages::Traveller& traveller, Tally& tally, Events& events);
  bool is_as_before(const std::string& path, const Passages::Sight& sight);
  void remember(const std::string& path, const Name& name);
  void watch(const std::string& path, Directory& directory, Events& events);
  void unwatch(const std::string& path, Directory& directory);
  bool is_link(const std::string& directory, const std::string& name) const;
  void find_target(const std::string& link);
  void keep_subtree(const std::string& path);
  void drop_subtree(const std::string& path, Events& events);
  Directories::iterator drop_directory(Directories::iterator directory, Events& events);
  void drop_unseen_names(const std::string& path, Directory& directory, Events& events);
  void forget_name(const std::string& path, const Name& name, Events& events);
  bool descends(const std::string& path, bool through_link) const;
  Name* find_name(const std::string& path);

  Disk& disk_;
  DirectoryFeed& feed_;
  const std::vector<PathRules> sources_;
  const std::vector<std::string> roots_;

  Directories directories_;
  LinkTargets targets_;
  std::set<std::string> doubtful_;       // may have vanished without a word
  std::vector<DirectoryEntry> entries_;  // of the directory under the eye; kept for its memory
  Passages passages_;
  std::unordered_map<uint64_t, Passages::Sight> sights_;  // in this batch, by directory and name
  std::unordered_map<std::string, Ghost> ghosts_;         // since the last batch
  uint64_t generation_ = 0;
  uint64_t noticed_ = 0;  // the last one that was a batch of hints
  size_t names_ = 0;
};

}  // namespace sluice

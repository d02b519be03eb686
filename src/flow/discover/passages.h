// SPDX-License-Identifier: Apache-2.0
// passages.h — files on their way through names that are followed: where did they go before anybody
// looked?
//
// In:      what became of names, step by step, in the order in which it happened; for each name,
//          whether it is wanted, and which file the last look found there.
// Out:     travellers: files that left a wanted name, with the place where they are now, if any.
// Owns:    the travellers of the present batch of hints, and those of the last one that are still
//          under way.
// Thread:  the steward's. Pure: never looks at the disk.
// Limits:  one traveller per file that left a wanted name in this batch: a rotation, not a write.
// Fails:   cannot. Hints that came in a wrong order or not at all make travellers that somebody
//          knows already, or lose some.
// Why so:  a file that is made as app.log, written and renamed to app.log.1 within a millisecond is
//          seen by no look at app.log: 3 of 200 generations were lost so, and with 300 files at
//          once nearly all. The kernel tells where it went, so nothing has to be searched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "flow/discover/identity.h"
#include "sluice/disk.h"

namespace sluice {

class Passages {
 public:
  // A name in this batch: what was known of it before, and what became of it.
  struct Sight {
    bool wanted = false;
    bool had = false;       // the last look found `key` behind it
    bool ahead = false;     // that look was perhaps faster than the hint of what it found
    bool left = false;      // that file, or one before it, went away
    bool replaced = false;  // the one that went away was not the one that the last look found
    bool taken = false;     // by another file since, which is still there
    FileKey key;
  };
  struct Traveller {
    std::string path;              // the wanted name that it had last
    std::string at;                // its name now; empty: it has none, or is under way
    const Sight* sight = nullptr;  // of `path`; null if that is of an earlier batch
    uint32_t rename = 0;           // under way: the second half of this rename is not told yet
    bool known = false;            // what the last look found, unless another one was faster
    bool wanted = false;           // the name that it has now is, too
    bool keep = false;             // goes on into the next batch
    bool carried = false;          // came from the batch before this one
  };

  // `sight` outlives the batch.
  void take(DirectoryChange::Step step, uint32_t rename, const std::string& path, Sight& sight);
  // Nobody travels: names that nobody wants are of no interest.
  bool idle() const { return travellers_.empty(); }
  std::vector<Traveller>& travellers() { return travellers_; }
  // The batch is over: those that are to be kept go on for one more, the others have arrived.
  void end_batch();
  void clear();

 private:
  static constexpr size_t kNobody = SIZE_MAX;
  size_t depart(const std::string& path, Sight& sight);
  void arrive(size_t traveller, const std::string& path, Sight& sight);

  std::vector<Traveller> travellers_;
  std::unordered_map<std::string, size_t> at_;           // by present name
  std::unordered_multimap<uint32_t, size_t> under_way_;  // by rename; a directory may have two
                                                         // names, and each tells it
};

}  // namespace sluice

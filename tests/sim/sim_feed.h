// SPDX-License-Identifier: Apache-2.0
// sim_feed.h — change hints that come late, merged, not at all, or not at all and admitted.
//
// In:      what SimDisk does to names and contents; the faults in force.
// Out:     the hints that the steward may see now; when the next one comes.
// Owns:    hints under way. A crash of the agent forgets watches and hints, as closing inotify
//          does.
// Why so:  a hint is only a hint: whatever is lost here, reconcile must repair.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "dice.h"
#include "plan.h"
#include "sluice/disk.h"
#include "witness.h"

namespace sluice::sim {

class SimFeed final : public DirectoryFeed {
 public:
  SimFeed(const Plan& plan, Witness& witness, Dice dice)
      : plan_(plan), witness_(witness), dice_(dice) {}

  using Step = DirectoryChange::Step;
  void hint(const std::string& directory, const std::string& name, bool content,
            Step step = Step::kSomehow, uint32_t rename = 0);
  // A directory went away or moved: its watch tells so and ends.
  void directory_gone(const std::string& directory);
  void forget_all();
  // When the next hint can be seen; kNever if none is under way.
  MonoTime next_visible() const;

  Result<void> watch(const std::string& directory) override;
  void unwatch(const std::string& directory) override { watched_.erase(directory); }
  bool poll(std::vector<DirectoryChange>& changes) override;

  bool faults = true;

 private:
  struct Underway {
    DirectoryChange change;
    MonoTime visible_at;
  };

  const Plan& plan_;
  Witness& witness_;
  Dice dice_;
  std::set<std::string> watched_;
  std::vector<Underway> underway_;
  bool overflowed_ = false;
};

}  // namespace sluice::sim

// SPDX-License-Identifier: Apache-2.0
// link_targets.h — where the symbolic links lead that are followed as files.
//
// In:      a link and the path of the file behind it; a directory and a name in it.
// Out:     the links that lead to that name; the directories that came to hold a target, or ceased
//          to.
// Owns:    two tables of paths. Never touches a disk.
// Thread:  the steward's.
// Limits:  an entry per link. A link that leads nowhere has none until its target is there; once it
//          had one it keeps it while the target is away: that moment is a rotation.
// Why so:  a file behind a link is written to and rotated in the directory of its target, and
//          nobody hears of it in the directory of the link: /var/log/containers of a kubelet, whose
//          files are rotated in /var/log/pods or by the container runtime.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace sluice {

class LinkTargets {
 public:
  // `link` leads to `target` now, as seen in the look `generation`.
  void lead(const std::string& link, const std::string& target, uint64_t generation);
  // `link` was seen, but nobody knows where it leads: it leads where it did.
  void saw(const std::string& link, uint64_t generation);
  // Forgets the links that the look did not see. Returns the directories that hold no target any
  // more, also since the last call.
  std::vector<std::string> forget_unseen(uint64_t generation);

  // The links that lead to `name` in `directory`; to anything in it if `name` is empty.
  std::vector<std::string> links_to(const std::string& directory, const std::string& name) const;
  bool holds_targets(const std::string& directory) const { return places_.contains(directory); }
  size_t links() const { return links_.size(); }

 private:
  struct Link {
    std::string directory;  // of the target
    std::string name;       // in it
    uint64_t seen = 0;
  };
  void leave(const std::string& link, const Link& from);

  std::map<std::string, Link> links_;
  std::set<std::string> emptied_;
  // Directory to names in it to the links that lead there.
  std::map<std::string, std::map<std::string, std::set<std::string>>> places_;
};

}  // namespace sluice

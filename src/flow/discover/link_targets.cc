// SPDX-License-Identifier: Apache-2.0
#include "flow/discover/link_targets.h"

#include <iterator>
#include <utility>

namespace sluice {

void LinkTargets::lead(const std::string& link, const std::string& target, uint64_t generation) {
  const size_t slash = target.rfind('/');
  if (slash == std::string::npos) return;
  Link to{.directory = slash == 0 ? "/" : target.substr(0, slash),
          .name = target.substr(slash + 1),
          .seen = generation};
  const auto [at, is_new] = links_.try_emplace(link);
  const bool same = !is_new && at->second.directory == to.directory && at->second.name == to.name;
  if (!is_new && !same) leave(link, at->second);
  if (!same) {
    places_[to.directory][to.name].insert(link);
    emptied_.erase(to.directory);
  }
  at->second = std::move(to);
}

void LinkTargets::saw(const std::string& link, uint64_t generation) {
  const auto known = links_.find(link);
  if (known != links_.end()) known->second.seen = generation;
}

std::vector<std::string> LinkTargets::forget_unseen(uint64_t generation) {
  for (auto it = links_.begin(); it != links_.end();) {
    if (it->second.seen == generation) {
      ++it;
      continue;
    }
    leave(it->first, it->second);
    it = links_.erase(it);
  }
  const std::set<std::string> emptied = std::exchange(emptied_, {});
  return {emptied.begin(), emptied.end()};
}

std::vector<std::string> LinkTargets::links_to(const std::string& directory,
                                               const std::string& name) const {
  std::vector<std::string> found;
  const auto place = places_.find(directory);
  if (place == places_.end()) return found;
  auto from = name.empty() ? place->second.begin() : place->second.find(name);
  const auto end =
      name.empty() || from == place->second.end() ? place->second.end() : std::next(from);
  for (; from != end; ++from) found.insert(found.end(), from->second.begin(), from->second.end());
  return found;
}

void LinkTargets::leave(const std::string& link, const Link& from) {
  const auto place = places_.find(from.directory);
  const auto name = place->second.find(from.name);
  name->second.erase(link);
  if (name->second.empty()) place->second.erase(name);
  if (!place->second.empty()) return;
  emptied_.insert(from.directory);
  places_.erase(place);
}

}  // namespace sluice

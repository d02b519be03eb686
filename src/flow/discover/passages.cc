// SPDX-License-Identifier: Apache-2.0
#include "flow/discover/passages.h"

#include <utility>

#include "sluice/check.h"

namespace sluice {

void Passages::take(DirectoryChange::Step step, uint32_t rename, const std::string& path,
                    Sight& sight) {
  using Step = DirectoryChange::Step;
  switch (step) {
    case Step::kSomehow:
      break;
    case Step::kMade:
      if (const auto it = at_.find(path); it != at_.end()) {
        travellers_[it->second].at.clear();  // it left without a word: that hint was lost
        at_.erase(it);
      }
      sight.taken = true;
      break;
    case Step::kLeft:
      if (const size_t traveller = depart(path, sight); traveller != kNobody) {
        travellers_[traveller].rename = rename;
        under_way_.emplace(rename, traveller);
      }
      break;
    case Step::kCame: {
      const bool occupied = sight.taken || (sight.had && !sight.left) || at_.contains(path);
      if (occupied) (void)depart(path, sight);  // it was replaced: it has no name any more
      if (const auto it = under_way_.find(rename); it != under_way_.end()) {
        arrive(it->second, path, sight);
        under_way_.erase(it);
      }
      sight.taken = true;
      break;
    }
    case Step::kDeleted:
      (void)depart(path, sight);
      break;
  }
}

// Who left the name; kNobody if that is of no interest.
size_t Passages::depart(const std::string& path, Sight& sight) {
  const bool since = std::exchange(sight.taken, false);
  if (const auto it = at_.find(path); it != at_.end()) {
    const size_t traveller = it->second;
    at_.erase(it);
    travellers_[traveller].at.clear();
    travellers_[traveller].wanted = false;
    return traveller;
  }
  if (!sight.wanted) return kNobody;
  Traveller traveller;
  traveller.path = path;
  traveller.sight = &sight;
  traveller.known = sight.had && !std::exchange(sight.left, true);
  // A look that was faster than the hints found the successor of this one.
  if (traveller.known && sight.ahead && !since) sight.replaced = true;
  travellers_.push_back(std::move(traveller));
  return travellers_.size() - 1;
}

void Passages::arrive(size_t traveller, const std::string& path, Sight& sight) {
  SLUICE_CHECK(traveller < travellers_.size(), "who is under way travels");
  Traveller& here = travellers_[traveller];
  here.at = path;
  here.rename = 0;
  here.wanted = sight.wanted;
  at_[path] = traveller;
  if (!sight.wanted || here.known) return;
  here.path = path;
  here.sight = &sight;
}

void Passages::end_batch() {
  at_.clear();
  under_way_.clear();
  size_t kept = 0;
  for (Traveller& traveller : travellers_) {
    if (!std::exchange(traveller.keep, false) || std::exchange(traveller.carried, true)) continue;
    traveller.sight = nullptr;
    if (!traveller.at.empty()) at_[traveller.at] = kept;
    if (traveller.rename != 0) under_way_.emplace(traveller.rename, kept);
    if (&travellers_[kept] != &traveller) travellers_[kept] = std::move(traveller);
    ++kept;
  }
  travellers_.resize(kept);
}

void Passages::clear() {
  travellers_.clear();
  at_.clear();
  under_way_.clear();
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "sim_feed.h"

#include <algorithm>

namespace sluice::sim {

void SimFeed::hint(const std::string& directory, const std::string& name, bool content, Step step,
                   uint32_t rename) {
  if (!watched_.contains(directory)) return;
  if (faults && dice_.chance(plan_.lost_hint)) {
    witness_.saw(Rare::kHintLost);
    return;
  }
  if (faults && dice_.chance(plan_.hint_overflow)) {
    witness_.saw(Rare::kHintsOverflowed);
    underway_.clear();
    overflowed_ = true;
  }
  const auto same = [&](const Underway& each) {
    return each.change.name == name && each.change.content == content &&
           each.change.directory == directory;
  };
  if (content && std::any_of(underway_.begin(), underway_.end(), same)) return;
  const Duration delay = faults ? dice_.between(Duration(0), plan_.hint_delay_max) : Duration(0);
  underway_.push_back({{directory, name, content, step, rename}, witness_.now + delay});
}

void SimFeed::directory_gone(const std::string& directory) {
  hint(directory, "", false);
  watched_.erase(directory);
}

void SimFeed::forget_all() {
  watched_.clear();
  underway_.clear();
  overflowed_ = false;
}

MonoTime SimFeed::next_visible() const {
  if (overflowed_) return witness_.now;
  MonoTime next = kNever;
  for (const Underway& each : underway_) next = std::min(next, each.visible_at);
  return next;
}

Result<void> SimFeed::watch(const std::string& directory) {
  if (faults && plan_.nth != nullptr && plan_.nth->fails(Seam::kWatch))
    return Error::from_errno("inotify_add_watch", ENOSPC);
  if (plan_.watches_max <= watched_.size() && !watched_.contains(directory))
    return Error::from_errno("inotify_add_watch", ENOSPC);
  watched_.insert(directory);
  return {};
}

bool SimFeed::poll(std::vector<DirectoryChange>& changes) {
  std::erase_if(underway_, [&](Underway& each) {
    if (each.visible_at > witness_.now) return false;
    changes.push_back(std::move(each.change));
    return true;
  });
  return std::exchange(overflowed_, false);
}

}  // namespace sluice::sim

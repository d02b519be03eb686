// SPDX-License-Identifier: Apache-2.0
// What is owed: which contents the agent can still reach, and whether all of them arrived.
#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>

#include "flow/discover/identity.h"
#include "ledger.h"

namespace sluice::sim {
namespace {

constexpr int64_t kAllBytes = int64_t{1} << 40;

// With the C library's matcher, not with ours. Patterns of scenes have no braces.
bool wanted_by_sources(const Plan& plan, const std::string& path) {
  const auto matches = [&](const std::string& pattern) {
    const bool whole = pattern.find('/') != pattern.npos;
    const std::string text = whole ? path : path.substr(path.rfind('/') + 1);
    return fnmatch(pattern.c_str(), text.c_str(), FNM_PATHNAME) == 0;
  };
  return std::any_of(plan.sources.begin(), plan.sources.end(), [&](const SourcePlan& source) {
    return std::any_of(source.paths.begin(), source.paths.end(), matches) &&
           std::none_of(source.exclude.begin(), source.exclude.end(), matches);
  });
}

}  // namespace

void Ledger::broken(const char* invariant, const Life& life, int64_t at, const char* what) {
  const auto begin = static_cast<size_t>(std::max<int64_t>(0, at));
  std::string text = begin < life.content.size() ? life.content.substr(begin, 40) : "(end)";
  std::replace(text.begin(), text.end(), '\n', '|');
  witness_.violation(invariant, fmt::format("{}: file #{} (inode {}) content {} at {} of {}: {}",
                                            what, life.inode->serial, life.inode->number,
                                            life.serial, at, life.content.size(), text));
}

bool Ledger::wanted(const std::string& path) const {
  if (!plan_.sources.empty()) return wanted_by_sources(plan_, path);
  const bool log = path.size() > 4 && path.compare(path.size() - 4, 4, ".log") == 0;
  return log || plan_.wide_pattern;
}

// Whether the store knows this content of the file for the destination, so that a new run finds it
// again under any name.
bool Ledger::row_known(const Inode& inode, uint32_t destination) const {
  const std::string& content = inode.life->content;
  for (const auto& [number, row] : rows_) {
    if (row.destination.empty() || row.destination.back() - '0' != static_cast<int>(destination))
      continue;
    const FileIdentity& known = row.identity;
    if (known.inode != inode.number || known.birth_ns != inode.birth_ns) continue;
    if (known.head_bytes == 0 && known.birth_ns == 0) continue;  // proves nothing
    if (known.head_bytes > content.size()) continue;
    const auto head = std::as_bytes(std::span(content.data(), known.head_bytes));
    if (known.head_bytes > 0 && content_hash(head) != known.head_hash) continue;
    if (life_with(inode, row.offset, row.marker_hash, row.marker_bytes) == inode.life) return true;
  }
  return false;
}

void Ledger::excuse_rest(Inode& inode, uint32_t destination) {
  inode.unknown[destination] = true;
  inode.life->at[destination].excused.add(0, kAllBytes);
}

// A file lost the last name that a pattern wants. If the agent neither holds it nor knows it, it
// cannot be found again: the documented window of files that come and go unseen.
void Ledger::names_changed(const Inode& constant) {
  Inode& inode = *constant.life->inode;
  const auto names = disk_.names_of(inode);
  const bool named =
      std::any_of(names.begin(), names.end(), [&](const auto& path) { return wanted(path); });
  if (named) return;
  if (agent_up() && inode.handles > 0) return;
  if (inode.links == 0) {
    inode.life->destroyed = true;
    witness_.saw(Rare::kContentDestroyed);
    return;
  }
  witness_.saw(Rare::kRenamedAway);
  for (uint32_t i = 0; i < plan_.destinations.size(); ++i) {
    if (!row_known(inode, i)) excuse_rest(inode, i);
  }
}

void Ledger::run_ends() {
  for (Inode& inode : disk_.inodes()) {
    if (!inode.life->destroyed) names_changed(inode);
  }
  tails_.clear();
  keys_stored_.clear();
  keys_acked_.clear();
}

void Ledger::closed_by_agent(const Inode& inode) {
  if (!agent_up()) return;
  const auto names = disk_.names_of(inode);
  if (!names.empty()) {
    const bool named =
        std::any_of(names.begin(), names.end(), [&](const auto& path) { return wanted(path); });
    if (named) witness_.saw(Rare::kParked);
    // Opened, and renamed away before it could be followed.
    for (uint32_t i = 0; !named && !inode.read_by_run && i < plan_.destinations.size(); ++i) {
      if (!row_known(inode, i)) excuse_rest(*inode.life->inode, i);
    }
    return;
  }
  witness_.see("steward  closes deleted file #%ld", inode.serial);
  for (uint32_t i = 0; i < plan_.destinations.size(); ++i) {
    const int64_t gap = inode.life->at[i].settled().first_gap(0);
    if (gap >= static_cast<int64_t>(inode.life->content.size())) continue;
    // Deleted in the very turn in which the agent parked it: it looked, and then it happened.
    if (inode.read_by_run && inode.unlinked_step != witness_.step)
      return broken("I2 LOSS", *inode.life, gap, "a deleted file is closed before it is delivered");
    inode.life->destroyed = true;  // it went before anybody could follow it
  }
}

int64_t Ledger::owed_missing() const {
  int64_t missing = 0;
  for (const Inode& inode : disk_.inodes()) {
    if (inode.life->destroyed) continue;
    const std::string& content = inode.life->content;
    const size_t newline = content.rfind('\n');
    const auto whole = newline == content.npos ? 0 : static_cast<int64_t>(newline) + 1;
    for (size_t i = 0; i < plan_.destinations.size(); ++i)
      missing += inode.unknown[i]
                     ? 0
                     : std::max<int64_t>(0, whole - inode.life->at[i].settled().first_gap(0));
  }
  return missing;
}

void Ledger::settle_life(const Inode& inode, Life& life, uint32_t destination,
                         int64_t& unfinished) {
  const Reach& reach = life.at[destination];
  const RangeSet settled = reach.settled();
  if (life.destroyed || inode.life != &life) {
    if (plan_.destinations[destination].ordered) return;  // its lines are read one by one
    const int64_t missing = settled.first_missing(reach.taken);
    if (missing >= 0)
      broken("I2 LOSS", life, missing, "taken by the run that lives, truncated, never delivered");
    return;
  }
  const int64_t gap = settled.first_gap(0);
  const auto size = static_cast<int64_t>(life.content.size());
  // The agent may follow what it does not owe; and what an earlier run delivered of an unfinished
  // line the present one may not know.
  const auto last_newline = life.content.rfind('\n');
  const auto whole = last_newline == std::string::npos ? 0 : static_cast<int64_t>(last_newline) + 1;
  const bool owed = !inode.unknown[destination] && reach.excused.empty();
  unfinished += owed ? size - whole : size;
  if (gap >= size || inode.unknown[destination]) return;
  const bool whole_lines_missing =
      life.content.find('\n', static_cast<size_t>(gap)) != std::string::npos;
  const auto names = disk_.names_of(inode);
  const bool named =
      std::any_of(names.begin(), names.end(), [&](const auto& path) { return wanted(path); });
  if (whole_lines_missing || !named) broken("I2 LOSS", life, gap, "never delivered");
}

void Ledger::settle_accounts(Bytes lag) {
  int64_t unfinished = 0;
  for (const Inode& inode : disk_.inodes()) {
    for (Life* life : inode.lives) {
      for (uint32_t i = 0; i < plan_.destinations.size(); ++i)
        settle_life(inode, *life, i, unfinished);
    }
  }
  if (lag.value > unfinished)
    witness_.violation(
        "I6 LIVE",
        fmt::format("the agent reports a lag of {} bytes where {} are due", lag.value, unfinished));
}

void Ledger::check_clean_stop() {
  for (const Inode& inode : disk_.inodes()) {
    Life& life = *inode.life;
    if (life.destroyed || inode.links == 0) continue;
    for (uint32_t i = 0; i < plan_.destinations.size(); ++i) {
      const Reach& reach = life.at[i];
      // What an earlier run was told may be unknown to this one.
      RangeSet known = reach.acked_now;
      known.add(0, reach.resumed_at);
      const int64_t acked = known.first_gap(0);
      if (acked == 0) continue;
      const bool stored = std::any_of(rows_.begin(), rows_.end(), [&](const auto& entry) {
        const CheckpointRow& row = entry.second;
        return row.identity.inode == inode.number && row.offset.value >= acked &&
               !row.destination.empty() && row.destination.back() - '0' == static_cast<int>(i);
      });
      if (!stored)
        broken("I3 DUP", life, acked, "a clean stop did not store what was acknowledged");
    }
  }
}

}  // namespace sluice::sim

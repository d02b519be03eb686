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

bool Ledger::has_wanted_name(const Inode& inode) const {
  const auto names = disk_.names_of(inode);
  return std::any_of(names.begin(), names.end(), [&](const auto& path) { return wanted(path); });
}

// How far two contents are the same.
int64_t Ledger::common_bytes(const std::string& a, const std::string& b) {
  const auto size = static_cast<std::ptrdiff_t>(std::min(a.size(), b.size()));
  return std::mismatch(a.begin(), a.begin() + size, b.begin()).first - a.begin();
}

// What was delivered of a content before it was cut is delivered of what was left, too.
RangeSet Ledger::settled(const Life& life, size_t destination) const {
  return with_parents(life, [&](const Life& each) {
    RangeSet all = each.at[destination].settled();
    all.add(each.gaps);
    return all;
  });
}

// Without what lies in the spool.
RangeSet Ledger::delivered(const Life& life, size_t destination) const {
  return with_parents(life, [&](const Life& each) {
    RangeSet all = each.at[destination].delivered();
    all.add(each.gaps);
    return all;
  });
}

// Whether another content began with the very same bytes, and they were delivered: in the same
// place a twin that a file system without birth times cannot tell from it. Not `anywhere`: in the
// file itself, which was truncated and got the same bytes again.
bool Ledger::has_twin(const Life& life, int64_t bytes, size_t destination, bool anywhere) const {
  if (anywhere && plan_.birth_times) return come(life, destination).first_gap(0) >= bytes;
  const auto size = static_cast<size_t>(bytes);
  for (const Inode& inode : disk_.inodes()) {
    if (!anywhere && &inode != life.inode) continue;
    for (const Life* other : inode.lives) {
      if (other == &life || other->content.compare(0, size, life.content, 0, size) != 0) continue;
      if (come(*other, destination).first_gap(0) >= bytes) return true;
    }
  }
  return false;
}

RangeSet Ledger::stored_of(const Life& life, size_t destination) const {
  return with_parents(life, [&](const Life& each) { return each.at[destination].stored; });
}

// What reached the receiver in the name of what was left of this content after a cut: bytes read
// before the cut may be delivered under either name.
RangeSet Ledger::reached_of_cuts(const Life& life, size_t destination) const {
  const auto stems_from = [&](const Life* other) {
    while (other != nullptr && other != &life) other = other->parent;
    return other != nullptr;
  };
  RangeSet all;
  for (const Life* other : life.inode->lives) {
    if (other == &life || !stems_from(other)) continue;
    RangeSet reached = other->at[destination].stored;
    reached.add(other->at[destination].delivered());
    reached.add(other->at[destination].refused);
    all.add(reached.before(common_bytes(other->content, life.content)));
  }
  return all;
}

void Ledger::buried(uint32_t destination, const DeadLetter& letter) {
  witness_.saw(Rare::kBuried);
  witness_.see("lane d%ld  buries [%ld, %ld), status %ld", destination, letter.span.begin.value,
               letter.span.end.value, letter.status);
  Life* life = life_of(letter.span);
  if (life == nullptr)
    return witness_.violation("I4 GHOST", "a letter names a span that was never read");
  if (refused_of(*life, destination).first_gap(letter.span.begin.value) < letter.span.end.value)
    return broken("I2 LOSS", *life, letter.span.begin.value, "buried, and never refused alone");
  settle(letter.span, &Reach::dead);
}

void Ledger::spooled_before(uint32_t destination, const std::vector<SpooledBytes>& bytes) {
  for (const SpooledBytes& each : bytes) {
    each.life->at[destination].spooled_before.add(each.span.begin.value, each.span.end.value);
    keys_spooled_before_.insert(each.key);
  }
}

void Ledger::unspooled(uint32_t destination, const std::vector<SpooledBytes>& bytes) {
  for (const SpooledBytes& each : bytes)
    each.life->at[destination].in_spool.remove(each.span.begin.value, each.span.end.value);
}

// Also as the beginning of another content of the file: a cut may come between the spool and the
// receiver.
RangeSet Ledger::delivered_of_kin(const Life& life, size_t destination) const {
  RangeSet all = life.at[destination].delivered();
  if (life.at[destination].spooled.empty()) return all;
  for (const Life* other : life.inode->lives) {
    if (other == &life) continue;
    all.add(other->at[destination].delivered().before(common_bytes(other->content, life.content)));
  }
  // What went into the spool before its content was cut unseen comes out of it as that content's.
  for (const auto& [other, until] : life.at[destination].goes_on_from)
    all.add(other->at[destination].delivered().before(until));
  return all;
}

RangeSet Ledger::refused_of(const Life& life, size_t destination) const {
  return with_parents(life, [&](const Life& each) { return each.at[destination].refused; });
}

void Ledger::store_is(const std::map<int64_t, CheckpointRow>& rows, bool damaged) {
  rows_ = rows;
  store_damaged_ = damaged;
}

// Whether the row proves the present content of the file and belongs to it.
bool Ledger::row_speaks_of(const CheckpointRow& row, const Inode& inode,
                           uint32_t destination) const {
  const std::string& content = inode.life->content;
  if (row.destination.empty() || row.destination.back() - '0' != static_cast<int>(destination))
    return false;
  const FileIdentity& known = row.identity;
  if (known.inode != inode.number || known.birth_ns != inode.birth_ns) return false;
  if (known.head_bytes == 0 && known.birth_ns == 0) return false;  // proves nothing
  if (known.head_bytes > content.size()) return false;
  const auto head = std::as_bytes(std::span(content.data(), known.head_bytes));
  if (known.head_bytes > 0 && content_hash(head) != known.head_hash) return false;
  return life_with(inode, row.offset, row.marker_hash, row.marker_bytes) == inode.life;
}

// Whether the store knows this content of the file for the destination, so that a new run finds it
// again under any name.
bool Ledger::row_known(const Inode& inode, uint32_t destination) const {
  for (const auto& [number, row] : rows_) {
    if (row_speaks_of(row, inode, destination)) return true;
  }
  return false;
}

// Whether a run that does not hold the file can find it by its row: under whatever name, but in the
// directory where it was followed. In an archive only by its content, which the row must prove.
bool Ledger::can_be_found(const Inode& inode, uint32_t destination) const {
  std::vector<std::string> names = disk_.names_of(inode);
  for (const Inode& archive : disk_.inodes()) {
    if (archive.packed_from == &inode) names = disk_.names_of(archive);
  }
  return std::any_of(rows_.begin(), rows_.end(), [&](const auto& entry) {
    const CheckpointRow& row = entry.second;
    if (!row_speaks_of(row, inode, destination)) return false;
    const std::string_view content = inode.life->content;
    const bool proven = content.find_first_not_of('\0') < row.identity.head_bytes;
    if (inode.packed && (row.gone || !proven)) return false;
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return directory_of(name) == directory_of(row.path);
    });
  });
}

// Without birth times the row of a packed file is the row of whoever has its inode number now.
void Ledger::forget_packed_twins(const Inode& inode) {
  for (Inode& other : disk_.inodes()) {
    if (&other == &inode || !other.packed || other.number != inode.number) continue;
    for (uint32_t i = 0; i < plan_.destinations.size(); ++i) excuse_rest(other, i);
  }
}

void Ledger::excuse_rest(Inode& inode, uint32_t destination) {
  inode.unknown[destination] = true;
  inode.life->at[destination].excused.add(0, kAllBytes);
}

// A file lost the last name that a pattern wants. If the agent neither holds it nor knows it, it
// cannot be found again: the documented window of files that come and go unseen.
void Ledger::names_changed(const Inode& constant) {
  Inode& inode = *constant.life->inode;
  if (inode.packed_from != nullptr) {
    Inode& plain = *inode.packed_from;
    if (inode.links == 0) plain.life->destroyed = true;
    if (!plain.life->destroyed) names_changed(plain);
    return;
  }
  if (inode.birth_ns == 0) forget_packed_twins(inode);
  if (has_wanted_name(inode)) return;
  if (agent_up() && inode.handles > 0) return;
  if (inode.links == 0 && !inode.packed) {
    inode.life->destroyed = true;
    witness_.saw(Rare::kContentDestroyed);
    return;
  }
  witness_.saw(Rare::kRenamedAway);
  // Nobody held it, and what its row proves was truncated away before it was renamed.
  const bool replaced = inode.closed_with != nullptr && inode.closed_with != inode.life;
  for (uint32_t i = 0; i < plan_.destinations.size(); ++i) {
    if (replaced || !can_be_found(inode, i)) excuse_rest(inode, i);
  }
}

void Ledger::run_ends() {
  for (Inode& inode : disk_.inodes()) {
    if (!inode.life->destroyed) names_changed(inode);
  }
  tails_.clear();
  keys_stored_.clear();
  keys_acked_.clear();
  keys_spooled_before_.clear();
}

void Ledger::closed_by_agent(const Inode& inode) {
  if (!agent_up() || inode.scratch || inode.packed_from != nullptr) return;
  inode.life->inode->closed_with = inode.life;
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
  // Deleted in the very turn in which it was parked: what a writer adds now nobody can reach.
  if (inode.unlinked_step == witness_.step && settled_by_all(*inode.life))
    inode.life->destroyed = true;
  for (uint32_t i = 0; i < plan_.destinations.size(); ++i) {
    const int64_t gap = come(*inode.life, i).first_gap(0);
    if (gap >= static_cast<int64_t>(inode.life->content.size())) continue;
    if (is_elsewhere(*inode.life)) continue;
    // Deleted in the very turn in which the agent parked it: it looked, and then it happened.
    if (inode.read_by_run && inode.unlinked_step != witness_.step)
      return broken("I2 LOSS", *inode.life, gap, "a deleted file is closed before it is delivered");
    inode.life->destroyed = true;  // it went before anybody could follow it
  }
}

bool Ledger::settled_by_all(const Life& life) const {
  for (size_t i = 0; i < plan_.destinations.size(); ++i) {
    if (settled(life, i).first_gap(0) < static_cast<int64_t>(life.content.size())) return false;
  }
  return true;
}

// The unfinished last line of a file that keeps its name may be finished yet.
int64_t Ledger::owed_missing() const {
  int64_t missing = 0;
  for (const Inode& inode : disk_.inodes()) {
    for (const Life* life : inode.lives) {
      for (size_t i = 0; i < plan_.destinations.size(); ++i) {
        RangeSet all = delivered_of_kin(*life, i);
        const int64_t before = all.bytes();
        all.add(life->at[i].spooled);
        missing += all.bytes() - before;
      }
    }
    if (inode.life->destroyed) continue;
    const std::string& content = inode.life->content;
    const size_t newline = content.rfind('\n');
    auto whole = newline == content.npos ? 0 : static_cast<int64_t>(newline) + 1;
    if (whole < static_cast<int64_t>(content.size()) && !has_wanted_name(inode))
      whole = static_cast<int64_t>(content.size());
    for (size_t i = 0; i < plan_.destinations.size(); ++i) {
      if (inode.unknown[i] || settled(*inode.life, i).first_gap(0) >= whole) continue;
      missing += std::max<int64_t>(0, whole - come(*inode.life, i).first_gap(0));
    }
  }
  return missing;
}

int64_t Ledger::settled_bytes() const {
  int64_t sum = 0;
  for (const Inode& inode : disk_.inodes()) {
    for (const Life* life : inode.lives) {
      for (const Reach& reach : life->at) sum += reach.acked.bytes() + reach.dead.bytes();
    }
  }
  return sum;
}

void Ledger::settle_life(const Inode& inode, Life& life, uint32_t destination,
                         int64_t& unfinished) {
  const Reach& reach = life.at[destination];
  const int64_t lost = delivered_of_kin(life, destination).first_missing(reach.spooled);
  if (lost >= 0) return broken("I2 LOSS", life, lost, "in the spool, and never delivered");
  const RangeSet settled = this->settled(life, destination);
  if (life.destroyed || inode.life != &life) {
    if (plan_.destinations[destination].ordered) return;  // its lines are read one by one
    if (reach.goes_on) return;                            // what came after has them all
    const int64_t missing = settled.first_missing(reach.taken);
    if (missing >= 0)
      broken("I2 LOSS", life, missing, "taken by the run that lives, truncated, never delivered");
    if (!reach.taken.empty()) check_rest(life, destination);
    return;
  }
  // The lines of a copy are those of its original.
  const int64_t gap = come(life, destination).first_gap(0);
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
  if (whole_lines_missing || !has_wanted_name(inode))
    broken("I2 LOSS", life, gap, "never delivered");
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

// What the present run knows to be acknowledged. What an earlier one was told it may not know.
RangeSet Ledger::known_by_run(const Life& life, size_t destination) const {
  const Reach& reach = life.at[destination];
  RangeSet known = reach.acked_now;
  if (!reach.goes_on_from_original) {
    known.add(0, reach.resumed_at);
  } else {
    known.add(known_by_run(*life.parent, destination)
                  .before(common_bytes(life.content, life.parent->content)));
  }
  return known;
}

void Ledger::check_clean_stop() {
  for (const Inode& inode : disk_.inodes()) {
    Life& life = *inode.life;
    if (life.destroyed || inode.links == 0) continue;
    for (uint32_t i = 0; i < plan_.destinations.size(); ++i) {
      const int64_t acked = known_by_run(life, i).first_gap(0);
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

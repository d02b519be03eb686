// SPDX-License-Identifier: Apache-2.0
// Copies, archives and their originals: lines of the one are lines of the other, wherever they were
// read.
#include <algorithm>

#include "flow/discover/identity.h"
#include "ledger.h"

namespace sluice::sim {
namespace {

const Life* first_of(const Life* life) {
  while (life->parent != nullptr) life = life->parent;
  return life;
}

}  // namespace

// What of the content was delivered from anywhere: a line of it may have come out of a copy, or
// have been in what the copy was made of.
RangeSet Ledger::come(const Life& life, size_t destination) const {
  RangeSet all = settled(life, destination);
  const Life* first = first_of(&life);
  for (const Inode& inode : disk_.inodes()) {
    for (const Life* other : inode.lives) {
      if (other == &life || first_of(other) != first) continue;
      const Reach& reach = other->at[destination];
      RangeSet there = reach.acked;
      there.add(reach.dropped);
      there.add(reach.dead);
      there.add(reach.spooled);
      all.add(there.before(common_bytes(life.content, other->content)));
    }
  }
  return all;
}

// What the present run took of a content, and of those that it began with bytes of.
RangeSet Ledger::taken_with_parents(const Life& life, size_t destination) const {
  return with_parents(life, [&](const Life& each) { return each.at[destination].taken; });
}

// What is settled of a copy, and what the present run took of its original.
RangeSet Ledger::taken_of_original(const Life& life, size_t destination) const {
  RangeSet known = settled(life, destination);
  if (!life.is_copy) return known;
  known.add(taken_with_parents(*life.parent, destination)
                .before(common_bytes(life.content, life.parent->content)));
  // Or of what a cut left of it.
  for (const Life* other : life.parent->inode->lives)
    known.add(other->at[destination].taken.before(common_bytes(life.content, other->content)));
  return known;
}

// A copy goes on where its original was read, when that one was there to be compared with it.
void Ledger::check_copy(const TailSpec& spec, const Life& life) {
  if (!life.is_copy || !life.copy_ended) return;
  const Reach& original = life.parent->at[spec.destination.value];
  if (original.taken.empty()) return;
  witness_.saw(Rare::kCopyFound);
  const auto copies = disk_.names_of(*life.inode);
  const auto names = disk_.names_of(*life.parent->inode);
  const bool beside = std::any_of(copies.begin(), copies.end(), [&](const std::string& copy) {
    return std::find(names.begin(), names.end(), copy.substr(0, copy.size() - 2)) != names.end();
  });
  // A rotator that died before it truncated, and was started again: one copy too many.
  const auto again = [&](const Inode& inode) {
    return inode.life != &life && inode.life->is_copy && inode.life->parent == life.parent;
  };
  if (std::any_of(disk_.inodes().begin(), disk_.inodes().end(), again)) return;
  const auto size = static_cast<int64_t>(life.content.size());
  // What was read behind the end of the copy proves nothing about it: what is not sure is read.
  if (original.taken.end() > size) return;
  // Without birth times a short file cannot be told from one that only begins alike.
  if (!plan_.birth_times && (plan_.reuse_inodes || size < int64_t{kCopyProofBytes})) return;
  // Of what an ordered tail took a part may have been given back.
  const bool ordered = plan_.destinations[spec.destination.value].ordered;
  RangeSet read = original.taken;
  if (ordered) read.keep(original.stored_now);
  RangeSet again_read;
  again_read.add(spec.start.value, std::max(spec.start.value, size));
  again_read.keep(read);
  // Zeros that nobody wrote prove nothing, and are nobody's lines.
  if (beside && life.parent->gaps.first_missing(again_read) >= 0)
    broken("I3 DUP", life, spec.start.value, "a copy is read where its original was");
}

// Whether another file, which is there, holds all of it: then it is owed there.
bool Ledger::is_elsewhere(const Life& life) const {
  const Life* first = first_of(&life);
  const auto size = static_cast<int64_t>(life.content.size());
  return std::any_of(disk_.inodes().begin(), disk_.inodes().end(), [&](const Inode& inode) {
    const Life* other = inode.life;
    return other != &life && inode.links > 0 && !other->destroyed && first_of(other) == first &&
           common_bytes(life.content, other->content) >= size;
  });
}

// The run that lives knew the content, and a copy of it is there: all its lines must have come.
void Ledger::check_rest(const Life& life, uint32_t destination) {
  for (const Inode& inode : disk_.inodes()) {
    const Life& copy = *inode.life;
    if (!copy.is_copy || copy.parent != &life || inode.links == 0 || copy.destroyed) continue;
    const int64_t gap = come(copy, destination).first_gap(0);
    const size_t newline = copy.content.rfind('\n');
    const auto whole = newline == copy.content.npos ? 0 : static_cast<int64_t>(newline) + 1;
    if (gap < whole) broken("I2 LOSS", copy, gap, "in the copy of a truncated file, not delivered");
  }
}

// The file whose content is unpacked in the scratch file.
Inode* Ledger::find_unpacked(Inode& scratch, const TailSpec& spec) {
  Inode* found = nullptr;
  const std::string& unpacked = scratch.life->content;
  const auto start = static_cast<size_t>(spec.start.value);
  const size_t head = std::min<size_t>(start, kHeadBytesMax);
  for (Inode& inode : disk_.inodes()) {
    if (!inode.packed || inode.life->content.compare(0, head, unpacked, 0, head) != 0) continue;
    const std::string& content = inode.life->content;
    if (unpacked.size() > content.size() || unpacked.size() < start) continue;
    if (content.compare(start, unpacked.size() - start, unpacked, start) != 0) continue;
    if (life_with(inode, spec.start, marker_hash(spec.marker), spec.marker.size) != inode.life)
      continue;
    // Of a file and its copies, and of files that begin alike, the one that the row is about.
    const bool meant = std::any_of(rows_.begin(), rows_.end(), [&](const auto& entry) {
      return entry.second.offset == spec.start && entry.second.path == spec.path &&
             row_speaks_of(entry.second, inode, spec.destination.value);
    });
    if (found == nullptr || meant) found = &inode;
    if (meant) break;
  }
  if (found == nullptr) return nullptr;
  scratch.stands_for = found->life;
  witness_.see("steward  reads file #%ld out of an archive", found->serial);
  return found;
}

}  // namespace sluice::sim

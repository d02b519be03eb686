// SPDX-License-Identifier: Apache-2.0
#include "flow/checkpoint/row_index.h"

#include <bit>
#include <utility>

#include "sluice/check.h"

namespace sluice {
namespace {

constexpr size_t kSlotsAtLeast = 16;

}  // namespace

void RowIndex::reserve(size_t pairs) {
  const size_t slots = std::bit_ceil(pairs * 2);
  if (slots > slots_.size()) resize(slots);
}

// Inodes follow each other: the multiplication (golden ratio of 2^64) spreads them.
size_t RowIndex::home(uint64_t key) const {
  const uint64_t spread = (key ^ key >> 32) * 0x9e3779b97f4a7c15;
  return static_cast<size_t>(spread >> 32) & (slots_.size() - 1);
}

void RowIndex::insert(uint64_t key, int64_t row) {
  SLUICE_CHECK(row > 0, "a row has a number");
  if ((pairs_ + 1) * 2 > slots_.size()) resize(slots_.empty() ? kSlotsAtLeast : slots_.size() * 2);
  size_t at = home(key);
  while (slots_[at].row != 0) at = next(at);
  slots_[at] = {key, row};
  ++pairs_;
}

// Whatever was pushed past the freed slot moves back over it, so that no search ends too early.
void RowIndex::erase(uint64_t key, int64_t row) {
  SLUICE_CHECK(pairs_ > 0, "every row is indexed");
  size_t hole = home(key);
  while (slots_[hole].key != key || slots_[hole].row != row) {
    SLUICE_CHECK(slots_[hole].row != 0, "every row is indexed");
    hole = next(hole);
  }
  const size_t mask = slots_.size() - 1;
  for (size_t at = next(hole); slots_[at].row != 0; at = next(at)) {
    const size_t way_from_home = (at - home(slots_[at].key)) & mask;
    const size_t way_from_hole = (at - hole) & mask;
    if (way_from_home < way_from_hole) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = {};
  --pairs_;
}

bool RowIndex::contains(uint64_t key) const {
  bool found = false;
  visit(key, [&](int64_t) { found = true; });
  return found;
}

void RowIndex::resize(size_t slots) {
  const std::vector<Slot> before = std::exchange(slots_, std::vector<Slot>(slots));
  for (const Slot& slot : before) {
    if (slot.row == 0) continue;
    size_t at = home(slot.key);
    while (slots_[at].row != 0) at = next(at);
    slots_[at] = slot;
  }
}

}  // namespace sluice

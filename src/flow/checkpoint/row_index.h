// SPDX-License-Identifier: Apache-2.0
// row_index.h — finds the rows of a key: of an inode, or of the hash of a path.
//
// In:      pairs of key and row, put in and taken out one by one.
// Out:     the rows of a key, in no order that means anything, but the same in every run.
// Owns:    one flat table of 16 bytes per slot, at most half full.
// Thread:  the steward's.
// Limits:  row numbers are above zero; a slot without a row is empty.
// Why so:  a million rows are indexed twice at start. A node per pair costs three cache misses and
//          an allocation each (0.5 s of a start of 2.5 s); a slot costs one miss.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice {

class RowIndex {
 public:
  void reserve(size_t pairs);
  void insert(uint64_t key, int64_t row);
  // REQUIRES: the pair is here.
  void erase(uint64_t key, int64_t row);
  bool contains(uint64_t key) const;

  template <class Visit>
  void visit(uint64_t key, Visit&& visit) const {
    if (slots_.empty()) return;
    for (size_t at = home(key); slots_[at].row != 0; at = next(at)) {
      if (slots_[at].key == key) visit(slots_[at].row);
    }
  }

 private:
  struct Slot {
    uint64_t key = 0;
    int64_t row = 0;
  };
  size_t home(uint64_t key) const;
  size_t next(size_t at) const { return (at + 1) & (slots_.size() - 1); }
  void resize(size_t slots);

  std::vector<Slot> slots_;  // a power of two of them
  size_t pairs_ = 0;
};

}  // namespace sluice

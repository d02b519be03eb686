// SPDX-License-Identifier: Apache-2.0
// sequence_set.h — which numbers of a stream have been seen: one bit each.
//
// In:      sequence numbers in any order.
// Out:     whether one is new; how many are set; how many below a bound are not.
// Owns:    pages of 32,768 bits (4 KiB), made when first touched: 50 million lines cost 6.3 MB.
// Thread:  one.
// Limits:  sequences below 2^36 (the token's digits); a wild number costs a page and its directory,
//          at most 16 MiB.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace sluice {

class SequenceSet {
 public:
  // True when the number was not there before.
  bool insert(uint64_t sequence) {
    const size_t page = static_cast<size_t>(sequence / kPageBits);
    if (page >= pages_.size()) pages_.resize(page + 1);
    if (pages_[page] == nullptr) pages_[page] = std::make_unique<Page>();
    uint64_t& word = (*pages_[page])[sequence % kPageBits / 64];
    const uint64_t bit = uint64_t{1} << (sequence % 64);
    if ((word & bit) != 0) return false;
    word |= bit;
    ++count_;
    end_ = sequence >= end_ ? sequence + 1 : end_;
    return true;
  }

  bool contains(uint64_t sequence) const {
    const size_t page = static_cast<size_t>(sequence / kPageBits);
    if (page >= pages_.size() || pages_[page] == nullptr) return false;
    return ((*pages_[page])[sequence % kPageBits / 64] >> (sequence % 64) & 1) != 0;
  }

  uint64_t count() const { return count_; }
  uint64_t end() const { return end_; }  // the largest number seen, plus one

  // The lowest numbers in [first, last) that are absent, at most `limit` of them.
  std::vector<uint64_t> absent(uint64_t first, uint64_t last, size_t limit) const {
    std::vector<uint64_t> found;
    for (uint64_t i = first; i < last && found.size() < limit; ++i) {
      if (!contains(i)) found.push_back(i);
    }
    return found;
  }

 private:
  static constexpr uint64_t kPageBits = 32'768;
  using Page = std::array<uint64_t, kPageBits / 64>;

  std::vector<std::unique_ptr<Page>> pages_;
  uint64_t count_ = 0;
  uint64_t end_ = 0;
};

}  // namespace sluice

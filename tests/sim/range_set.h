// SPDX-License-Identifier: Apache-2.0
// range_set.h — a set of bytes of one content, as sorted ranges that never touch.
//
// In:      ranges [begin, end), in any order, overlapping or not.
// Out:     what is covered, and the first byte that is not.
// Thread:  one. Values.
// Why so:  the oracle counts bytes, not lines: a line is delivered when its bytes are, whole or in
//          pieces.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace sluice::sim {

class RangeSet {
 public:
  void add(int64_t begin, int64_t end) {
    if (begin >= end) return;
    size_t at = 0;
    while (at < ranges_.size() && ranges_[at].second < begin) ++at;
    size_t last = at;
    while (last < ranges_.size() && ranges_[last].first <= end) {
      begin = std::min(begin, ranges_[last].first);
      end = std::max(end, ranges_[last].second);
      ++last;
    }
    ranges_.erase(ranges_.begin() + static_cast<std::ptrdiff_t>(at),
                  ranges_.begin() + static_cast<std::ptrdiff_t>(last));
    ranges_.insert(ranges_.begin() + static_cast<std::ptrdiff_t>(at), {begin, end});
  }
  void add(const RangeSet& other) {
    for (const auto& [begin, end] : other.ranges_) add(begin, end);
  }
  bool overlaps(int64_t begin, int64_t end) const {
    for (const auto& range : ranges_) {
      if (range.first < end && begin < range.second) return true;
    }
    return false;
  }
  void remove(int64_t begin, int64_t end) {
    std::vector<std::pair<int64_t, int64_t>> kept;
    for (const auto& range : ranges_) {
      if (range.first < begin) kept.emplace_back(range.first, std::min(range.second, begin));
      if (range.second > end) kept.emplace_back(std::max(range.first, end), range.second);
    }
    ranges_ = std::move(kept);
  }
  // Only what is in the other one, too.
  void keep(const RangeSet& other) {
    RangeSet both;
    for (const auto& [begin, end] : ranges_) {
      for (const auto& theirs : other.ranges_)
        both.add(std::max(begin, theirs.first), std::min(end, theirs.second));
    }
    *this = std::move(both);
  }
  // The first byte from `from` on that is not in the set.
  int64_t first_gap(int64_t from) const {
    for (const auto& range : ranges_) {
      if (range.first <= from && from < range.second) return range.second;
    }
    return from;
  }
  // What lies before `end`.
  RangeSet before(int64_t end) const {
    RangeSet part;
    for (const auto& range : ranges_) part.add(range.first, std::min(range.second, end));
    return part;
  }
  int64_t end() const { return ranges_.empty() ? 0 : ranges_.back().second; }
  // The first byte of `wanted` that is not in this set; -1 if all are.
  int64_t first_missing(const RangeSet& wanted) const {
    for (const auto& [begin, end] : wanted.ranges_) {
      const int64_t gap = first_gap(begin);
      if (gap < end) return gap;
    }
    return -1;
  }
  int64_t bytes() const {
    int64_t sum = 0;
    for (const auto& range : ranges_) sum += range.second - range.first;
    return sum;
  }
  bool empty() const { return ranges_.empty(); }
  void clear() { ranges_.clear(); }

 private:
  std::vector<std::pair<int64_t, int64_t>> ranges_;
};

}  // namespace sluice::sim

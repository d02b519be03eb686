// SPDX-License-Identifier: Apache-2.0
#include "flow/checkpoint/row_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace sluice {
namespace {

std::vector<int64_t> rows_of(const RowIndex& index, uint64_t key) {
  std::vector<int64_t> rows;
  index.visit(key, [&](int64_t row) { rows.push_back(row); });
  std::sort(rows.begin(), rows.end());
  return rows;
}

TEST(RowIndex, KnowsNothingWhenItIsEmpty) {
  const RowIndex index;
  EXPECT_FALSE(index.contains(0));
  EXPECT_TRUE(rows_of(index, 7).empty());
}

TEST(RowIndex, FindsAllRowsOfAKey) {
  RowIndex index;
  for (int64_t row : {3, 1, 2}) index.insert(7, row);
  index.insert(8, 4);
  EXPECT_EQ(rows_of(index, 7), (std::vector<int64_t>{1, 2, 3}));
  index.erase(7, 2);
  EXPECT_EQ(rows_of(index, 7), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(rows_of(index, 8), (std::vector<int64_t>{4}));
}

// Few keys in a small table: chains run into each other and round its end, where a deletion that
// does not close its hole loses whoever was pushed past it.
TEST(RowIndex, SaysWhatAMapSaysThroughAnyInsertionsAndErasures) {
  std::mt19937_64 random(42);
  for (int round = 0; round < 200; ++round) {
    RowIndex index;
    std::multimap<uint64_t, int64_t> expected;
    if (round % 2 == 1) index.reserve(100);
    for (int64_t step = 1; step <= 300; ++step) {
      const uint64_t key = random() % 40 * (round % 3 == 0 ? 1 : 0x100000001ull << round % 7);
      if (expected.size() < 5 || random() % 2 == 0) {
        index.insert(key, step);
        expected.emplace(key, step);
      } else {
        const auto chosen = std::next(expected.begin(), random() % expected.size());
        index.erase(chosen->first, chosen->second);
        expected.erase(chosen);
      }
      std::vector<int64_t> rows;
      const auto [begin, end] = expected.equal_range(key);
      for (auto it = begin; it != end; ++it) rows.push_back(it->second);
      std::sort(rows.begin(), rows.end());
      ASSERT_EQ(rows_of(index, key), rows) << "round " << round << ", step " << step;
      ASSERT_EQ(index.contains(key), !rows.empty());
    }
    for (const auto& [key, row] : expected) ASSERT_TRUE(index.contains(key)) << row;
  }
}

}  // namespace
}  // namespace sluice

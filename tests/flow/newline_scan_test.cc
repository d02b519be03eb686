// SPDX-License-Identifier: Apache-2.0
#include "flow/split/newline_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "guarded_buffer.h"
#include "simd_targets.h"

namespace sluice {
namespace {

std::vector<uint32_t> ends_of(const uint8_t* data, size_t size, size_t max = SIZE_MAX) {
  max = std::min(max, size);
  std::vector<uint32_t> ends(max + 1, 0xDEADBEEF);
  ends.resize(scan_newlines(data, size, ends.data(), max));
  return ends;
}

std::vector<uint32_t> expected_ends_of(const uint8_t* data, size_t size, size_t max = SIZE_MAX) {
  std::vector<uint32_t> ends;
  for (size_t i = 0; i < size && ends.size() < max; ++i) {
    if (data[i] == '\n') ends.push_back(static_cast<uint32_t>(i + 1));
  }
  return ends;
}

void fill(std::mt19937& random, uint8_t* data, size_t size, unsigned one_newline_in) {
  for (size_t i = 0; i < size; ++i) {
    // Neighbours of '\n' and high bytes are the values that a wrong comparison would take for it.
    const uint8_t others[] = {'a', '\n' - 1, '\n' + 1, '\n' + 0x80, 0, 0xFF};
    data[i] = random() % one_newline_in == 0 ? uint8_t{'\n'} : others[random() % 6];
  }
}

TEST(NewlineScan, AnEndIsTheOffsetJustAfterEachNewline) {
  for_each_simd_target([] {
    const std::string text = "first\n\nthird\nunfinished";
    const auto* data = reinterpret_cast<const uint8_t*>(text.data());
    EXPECT_EQ(ends_of(data, text.size()), (std::vector<uint32_t>{6, 7, 13}));
  });
}

TEST(NewlineScan, NothingIsFoundInNothing) {
  for_each_simd_target([] {
    uint32_t end = 7;
    EXPECT_EQ(scan_newlines(nullptr, 0, &end, 1), 0u);
    EXPECT_EQ(end, 7u);
  });
}

TEST(NewlineScan,
     LIN_9_EveryKernelAgreesWithTheDefinitionAtEveryAlignmentAndSizeBetweenGuardPages) {
  GuardedBuffer buffer(4096);
  for_each_simd_target([&] {
    std::mt19937 random(20261122);
    for (size_t size = 0; size <= 300; ++size) {
      // Ends at a guard page, so the alignment follows the size; and then every alignment.
      uint8_t* const at_end = buffer.last(size);
      fill(random, at_end, size, 1 + static_cast<unsigned>(random() % 40));
      ASSERT_EQ(ends_of(at_end, size), expected_ends_of(at_end, size)) << size;
      for (size_t alignment = 0; alignment < 128; ++alignment) {
        uint8_t* const data = buffer.first() + alignment;
        fill(random, data, size, 1 + static_cast<unsigned>(random() % 40));
        data[size] = '\n';  // must not be seen
        ASSERT_EQ(ends_of(data, size), expected_ends_of(data, size)) << size << " " << alignment;
      }
    }
  });
}

TEST(NewlineScan, TheScalarTwinAgreesWithTheDefinition) {
  std::mt19937 random(1);
  std::vector<uint8_t> data(4096);
  for (int round = 0; round < 50; ++round) {
    fill(random, data.data(), data.size(), 1 + static_cast<unsigned>(random() % 100));
    std::vector<uint32_t> ends(data.size());
    ends.resize(scan_newlines_scalar(data.data(), data.size(), ends.data(), ends.size()));
    EXPECT_EQ(ends, expected_ends_of(data.data(), data.size()));
  }
}

TEST(NewlineScan, StopsWhenTheIndexIsFullAndWritesNothingBehindIt) {
  std::vector<uint8_t> data(2000);
  for_each_simd_target([&] {
    std::mt19937 random(2);
    for (size_t max = 0; max < 400; ++max) {
      fill(random, data.data(), data.size(), 1 + static_cast<unsigned>(random() % 8));
      std::vector<uint32_t> ends(max + 1, 0xDEADBEEF);
      const size_t count = scan_newlines(data.data(), data.size(), ends.data(), max);
      ASSERT_EQ(ends[max], 0xDEADBEEF);
      ends.resize(count);
      ASSERT_EQ(ends, expected_ends_of(data.data(), data.size(), max)) << max;
    }
  });
}

TEST(NewlineScan, FindsEveryByteOfABlockOfEmptyLines) {
  const std::vector<uint8_t> data(256 * 1024, '\n');
  for_each_simd_target([&] {
    const std::vector<uint32_t> ends = ends_of(data.data(), data.size());
    ASSERT_EQ(ends.size(), data.size());
    EXPECT_EQ(ends.front(), 1u);
    EXPECT_EQ(ends.back(), data.size());
    EXPECT_TRUE(std::is_sorted(ends.begin(), ends.end()));
  });
}

TEST(NewlineScan, RandomBlocksOfEveryDensityAgree) {
  std::vector<uint8_t> data(64 * 1024 + 77);
  for_each_simd_target([&] {
    std::mt19937 random(3);
    for (const unsigned density : {1u, 2u, 5u, 20u, 49u, 190u, 1000u, 100000u}) {
      fill(random, data.data(), data.size(), density);
      ASSERT_EQ(ends_of(data.data(), data.size()), expected_ends_of(data.data(), data.size()));
    }
  });
}

}  // namespace
}  // namespace sluice

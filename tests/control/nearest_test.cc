// SPDX-License-Identifier: Apache-2.0
#include "control/nearest.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace sluice {
namespace {

constexpr std::array<std::string_view, 4> kWords = {"endpoint", "exclude", "batch", "batch-bytes"};

TEST(Nearest, CountsInsertedDeletedReplacedAndSwappedLetters) {
  EXPECT_EQ(edit_distance("endpoint", "endpoint"), 0U);
  EXPECT_EQ(edit_distance("endpiont", "endpoint"), 1U);
  EXPECT_EQ(edit_distance("endpoin", "endpoint"), 1U);
  EXPECT_EQ(edit_distance("endpoints", "endpoint"), 1U);
  EXPECT_EQ(edit_distance("endpaint", "endpoint"), 1U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(Nearest, TreatsDashAndUnderscoreAndCaseAlike) {
  EXPECT_EQ(edit_distance("Batch_Bytes", "batch-bytes"), 0U);
}

TEST(Nearest, FindsTheWordThatWasMeant) {
  EXPECT_EQ(nearest("endpiont", kWords), "endpoint");
  EXPECT_EQ(nearest("batchbytes", kWords), "batch-bytes");
  EXPECT_EQ(nearest("bacth", kWords), "batch");
}

TEST(Nearest, SaysNothingRatherThanSomethingFar) {
  EXPECT_EQ(nearest("colour", kWords), "");
  EXPECT_EQ(nearest("", kWords), "");
  EXPECT_EQ(nearest(std::string(10'000, 'b'), kWords), "");
  EXPECT_EQ(nearest("batch", {}), "");
}

}  // namespace
}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "sluice/units.h"

#include <gtest/gtest.h>

#include "sluice/result.h"

namespace sluice {
namespace {

using namespace literals;

template <class A, class B>
concept Addable = requires(A a, B b) {
  a + b;
};

TEST(Units, PositionsDifferByQuantitiesAndNothingElseCompiles) {
  static_assert(Addable<FileOffset, Bytes>);
  static_assert(!Addable<FileOffset, FileOffset>);
  static_assert(!Addable<FileOffset, Lines>);
  static_assert(!Addable<MonoTime, Bytes>);
  EXPECT_EQ(FileOffset(10) - FileOffset(4), 6_B);
  EXPECT_EQ(MonoTime(0) + 2_ms, MonoTime(2'000'000));
  EXPECT_EQ(4_KiB / 1_KiB, 4);
}

TEST(Result, CarriesAValueOrAnErrorThatNamesTheOperation) {
  const Result<int> good = 7;
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(*good, 7);
  const Result<int> bad = Error::from_errno("open", ENOENT);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code, Errc::kNotFound);
  EXPECT_EQ(bad.error().message(), "open: No such file or directory");
}

TEST(ResultDeathTest, ReadingTheValueOfAFailureStopsTheProcess) {
  const Result<int> bad = Error::from_errno("open", ENOENT);
  EXPECT_DEATH((void)bad.value(), "a failed Result has no value");
}

}  // namespace
}  // namespace sluice

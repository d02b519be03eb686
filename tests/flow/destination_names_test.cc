// SPDX-License-Identifier: Apache-2.0
#include "flow/checkpoint/destination_names.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using Names = std::vector<std::string>;

CheckpointRow row_of(const std::string& destination, bool gone = false) {
  CheckpointRow row;
  row.destination = destination;
  row.gone = gone;
  return row;
}

TEST(DestinationNames, LookRenamedWhenAnOldOneIsGoneAndANewOneKnowsNothing) {
  const std::vector<CheckpointRow> rows = {row_of("old"), row_of("old", true), row_of("kept"),
                                           row_of("old")};
  const DestinationNames names = compare_names(rows, Names{"new", "kept"});
  EXPECT_EQ(names.gone, Names{"old"});
  EXPECT_EQ(names.fresh, Names{"new"});
  EXPECT_TRUE(names.look_renamed());
}

TEST(DestinationNames, AreFineWhenOneIsOnlyAddedOrOnlyTakenAway) {
  const std::vector<CheckpointRow> rows = {row_of("a"), row_of("b")};
  EXPECT_FALSE(compare_names(rows, Names{"a", "b", "c"}).look_renamed());
  EXPECT_FALSE(compare_names(rows, Names{"a"}).look_renamed());
  EXPECT_FALSE(compare_names(rows, Names{"a", "b"}).look_renamed());
}

TEST(DestinationNames, AreFineInAnEmptyStoreAndInOneWithNotesOnly) {
  EXPECT_FALSE(compare_names({}, Names{"a"}).look_renamed());
  const std::vector<CheckpointRow> notes = {row_of("")};
  EXPECT_FALSE(compare_names(notes, Names{"a"}).look_renamed());
}

TEST(DestinationNames, NobodyMissesPositionsOfFilesThatAreGone) {
  const std::vector<CheckpointRow> rows = {row_of("old", true)};
  EXPECT_FALSE(compare_names(rows, Names{"new"}).look_renamed());
}

}  // namespace
}  // namespace sluice

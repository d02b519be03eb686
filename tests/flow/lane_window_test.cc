// SPDX-License-Identifier: Apache-2.0
// How many requests a lane opens at once, and how much it lets the shards put in front of it.
#include <gtest/gtest.h>

#include "flow/lane.h"
#include "lane_stand.h"

namespace sluice {
namespace {

using namespace literals;

class LaneWindow : public testing::Test {
 protected:
  LaneWindow() {
    stand_.settings.workers = 8;
    stand_.settings.workers_adapt = true;
    stand_.start();
    for (int i = 0; i < 300; ++i) stand_.ship(1, 1000);
  }

  size_t open() const { return stand_.wire.open_tickets().size(); }

  void answer_all(int32_t status) {
    WireAnswer answer = status_answer(status);
    answer.took = 1_ms;
    stand_.now = stand_.now + 5_ms;
    for (size_t i = open(); i > 0; --i) stand_.wire.answer_oldest(answer);
    (void)stand_.turn();
  }

  LaneStand stand_;
};

TEST_F(LaneWindow, BeginsWithOneRequestAndOpensWhileAllIsWell) {
  (void)stand_.turn();
  EXPECT_EQ(open(), 1u);
  for (int i = 0; i < 8; ++i) answer_all(200);
  EXPECT_EQ(open(), 2u);
  for (int i = 0; i < 4; ++i) answer_all(200);
  EXPECT_EQ(open(), 4u);
  for (int i = 0; i < 6; ++i) answer_all(200);
  EXPECT_EQ(open(), 8u) << "and no more than its workers";
  EXPECT_EQ(stand_.metrics.window.get(), 8);
}

TEST_F(LaneWindow, AsksADestinationThatIsDownWithOneRequestAtATime) {
  (void)stand_.turn();
  for (int i = 0; i < 16; ++i) answer_all(200);
  ASSERT_EQ(open(), 8u);
  for (int i = 0; i < 6; ++i) {
    answer_all(503);
    stand_.now = stand_.now + 60_s;  // every pause is over
    (void)stand_.turn();
  }
  EXPECT_EQ(stand_.metrics.window.get(), 1);
  EXPECT_EQ(open(), 1u) << "eight are due";
  EXPECT_EQ(stand_.turn(), kNever) << "the answer wakes the lane, not the parcels that are due";
  for (int i = 0; i < 40; ++i) answer_all(200);
  EXPECT_EQ(stand_.metrics.window.get(), 8) << "it is back";
}

TEST_F(LaneWindow, LetsShardsPutLittleInFrontOfASlowDestination) {
  stand_.gauge.bytes_max = int64_t{1} << 30;
  LaneGauge& gauge = stand_.gauge;
  (void)stand_.turn();
  // One parcel of 1,000 bytes a second.
  for (int i = 0; i < 90; ++i) {
    stand_.now = stand_.now + 1_s;
    stand_.wire.answer_oldest(status_answer(200));
    (void)stand_.turn();
  }
  const int64_t on_wire = static_cast<int64_t>(open()) * 1000;
  EXPECT_LE(gauge.credit_bytes, on_wire + 3000) << "two parcels may wait, not a thousand";
  EXPECT_GE(gauge.credit_bytes, on_wire + 1000);
  EXPECT_EQ(stand_.metrics.credit_bytes.get(), gauge.credit_bytes);
}

}  // namespace
}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "flow/deliver/in_flight.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <utility>

namespace sluice {
namespace {

using namespace literals;

Consignment consignment(uint64_t arrival) {
  Consignment result;
  result.parcel = std::make_unique<Parcel>();
  result.arrival = arrival;
  return result;
}

void back_off_until(InFlight& window, uint64_t ticket, MonoTime until) {
  window.by_ticket(ticket).parcel->not_before = until;
  window.back_off(ticket);
}

TEST(InFlight, KeepsAPermitAcrossBackOff) {
  InFlight window(2);
  const uint64_t first = window.start(consignment(1));
  const uint64_t second = window.start(consignment(2));
  EXPECT_TRUE(window.full());
  back_off_until(window, first, MonoTime(10));
  EXPECT_TRUE(window.full()) << "a parcel that backs off is still in flight";
  EXPECT_EQ(window.on_wire(), 1u);
  EXPECT_EQ(window.backing_off(), 1u);
  EXPECT_EQ(window.finish(second).arrival, 2u);
  EXPECT_FALSE(window.full());
}

TEST(InFlight, NamesTheParcelWhosePauseEndsFirstAndTheOlderOfTwo) {
  InFlight window(3);
  const uint64_t first = window.start(consignment(7));
  const uint64_t second = window.start(consignment(5));
  const uint64_t third = window.start(consignment(6));
  EXPECT_EQ(window.next_due(), nullptr);
  back_off_until(window, first, MonoTime(10));
  back_off_until(window, second, MonoTime(20));
  back_off_until(window, third, MonoTime(10));
  EXPECT_EQ(window.next_due()->arrival, 6u);
  EXPECT_EQ(window.oldest_droppable()->arrival, 5u);
  const uint64_t again = window.restart_next_due();
  EXPECT_NE(again, third) << "each attempt has a ticket of its own";
  EXPECT_EQ(window.by_ticket(again).arrival, 6u);
  EXPECT_EQ(window.next_due()->arrival, 7u);
  EXPECT_EQ(window.remove_oldest_backing_off().arrival, 5u);
  EXPECT_EQ(window.oldest_droppable()->arrival, 7u);
}

TEST(InFlight, CutsOnlyHastyPausesShort) {
  InFlight window(3);
  for (uint64_t arrival = 1; arrival <= 3; ++arrival) {
    const uint64_t ticket = window.start(consignment(arrival));
    window.by_ticket(ticket).hasty = arrival != 2;
    back_off_until(window, ticket, MonoTime(100 * static_cast<int64_t>(arrival)));
  }
  window.hasten(MonoTime(150));
  std::map<uint64_t, int64_t> due;
  while (const Consignment* next = window.next_due()) {
    due[next->arrival] = next->parcel->not_before.value;
    (void)window.finish(window.restart_next_due());
  }
  EXPECT_EQ(due, (std::map<uint64_t, int64_t>{{1, 100}, {2, 200}, {3, 150}}));
  EXPECT_TRUE(window.empty());
}

TEST(InFlightDeathTest, StopsTheProgramOnAnswersThatNobodyWaitsFor) {
  InFlight window(1);
  const uint64_t ticket = window.start(consignment(1));
  EXPECT_DEATH(window.start(consignment(2)), "only with a permit");
  EXPECT_DEATH((void)window.finish(ticket + 1), "open request");
  back_off_until(window, ticket, MonoTime(0));
  EXPECT_DEATH((void)window.finish(ticket), "open request");
  const uint64_t again = window.restart_next_due();
  EXPECT_DEATH((void)window.finish(ticket), "open request") << "an answer of the first attempt";
  EXPECT_EQ(window.finish(again).arrival, 1u);
  EXPECT_DEATH((void)window.finish(again), "open request");
  EXPECT_DEATH(InFlight(0), "without a permit");
}

TEST(InFlightProperty, EqualsAPairOfMapsForRandomSteps) {
  for (uint32_t seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const auto permits = static_cast<int32_t>(1 + random() % 9);
    InFlight window(permits);
    std::map<uint64_t, uint64_t> on_wire;                          // ticket to arrival
    std::map<std::pair<int64_t, uint64_t>, uint64_t> backing_off;  // (due, arrival) to arrival
    uint64_t arrivals = 0;
    for (int step = 0; step < 300; ++step) {
      const auto some = [&] {
        return std::next(on_wire.begin(), static_cast<long>(random() % on_wire.size()));
      };
      switch (random() % 4) {
        case 0:
          if (window.full()) break;
          ++arrivals;
          on_wire[window.start(consignment(arrivals))] = arrivals;
          break;
        case 1: {
          if (on_wire.empty()) break;
          const auto [ticket, arrival] = *some();
          const auto due = static_cast<int64_t>(random() % 10);
          back_off_until(window, ticket, MonoTime(due));
          on_wire.erase(ticket);
          backing_off[{due, arrival}] = arrival;
          break;
        }
        case 2: {
          if (on_wire.empty()) break;
          const auto [ticket, arrival] = *some();
          ASSERT_EQ(window.finish(ticket).arrival, arrival);
          on_wire.erase(ticket);
          break;
        }
        default:
          if (backing_off.empty()) break;
          ASSERT_EQ(window.next_due()->arrival, backing_off.begin()->second);
          on_wire[window.restart_next_due()] = backing_off.begin()->second;
          backing_off.erase(backing_off.begin());
      }
      ASSERT_EQ(window.on_wire(), on_wire.size());
      ASSERT_EQ(window.backing_off(), backing_off.size());
      ASSERT_EQ(window.full(), on_wire.size() + backing_off.size() == static_cast<size_t>(permits));
      ASSERT_EQ(window.empty(), on_wire.empty() && backing_off.empty());
    }
  }
}

}  // namespace
}  // namespace sluice

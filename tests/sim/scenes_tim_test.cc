// SPDX-License-Identifier: Apache-2.0
// Time: the rows TIM of docs/scenarios.md.
#include <gtest/gtest.h>

#include "scene.h"

namespace sluice::sim {
namespace {

using namespace literals;

TEST(Scenes, TIM_1_a_wall_clock_that_jumps_back_an_hour_and_on_ten_years_delays_nothing) {
  for (const Duration jump : {Duration(-3'600'000'000'000), 3600_s * (24 * 3650)}) {
    play([&](Scene& s) {
      s.start();
      s.write("a.log", 10);
      s.run_until_delivered();
      s.receiver_down();
      s.write("a.log", 10);
      s.run(500_ms);
      s.shift_wall(jump);
      s.receiver_up();
      s.run_until_delivered(5_s);  // the longest pause of retries is a second
      s.rename("a.log", "a.log.1");
      s.write("a.log", 10);
      s.run_until_delivered(5_s);
      s.shift_wall(Duration(-jump.value));
      s.write("a.log", 10);
      s.run_until_delivered(5_s);
      s.run(1_s);
      s.stop();
      s.start();
      s.run(3_s);
      s.expect_ok();
    });
  }
}

TEST(Scenes, TIM_2_files_of_1970_and_of_the_future_are_active_if_they_grow) {
  play([](Scene& s) {
    s.write("old.log", 10);
    s.write("young.log", 10);
    s.disk().find("/logs/old.log")->modified_ns = 0;
    s.disk().find("/logs/young.log")->modified_ns = int64_t{7'000'000'000} * 1'000'000'000;
    s.start();
    s.run_until_delivered(5_s);
    for (int i = 0; i < 3; ++i) {
      s.run(10_s);
      s.write("old.log", 5);
      s.disk().find("/logs/old.log")->modified_ns = 0;
      s.write("young.log", 5);
      s.disk().find("/logs/young.log")->modified_ns = int64_t{7'000'000'000} * 1'000'000'000;
      s.run_until_delivered(5_s);
    }
    s.expect_ok();
  });
}

TEST(Scenes, TIM_3_after_a_sleep_of_eight_hours_it_goes_on) {
  // The monotonic clock stands still while the machine sleeps; every connection is dead after it.
  play([](Scene& s) {
    s.start();
    s.write("a.log", 10);
    s.run_until_delivered();
    s.write("a.log", 10);
    s.run(20_ms);
    s.shift_wall(28'800_s);
    s.receiver(Weather::kSilent);
    s.run(1_s);
    s.receiver_up();
    s.write("a.log", 10);
    s.run_until_delivered(10_s);
    s.end();
    s.expect_no_loss(1 << 10);  // what was stored in the last moment and never answered
  });
}

}  // namespace
}  // namespace sluice::sim

// SPDX-License-Identifier: Apache-2.0
#include "plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "dice.h"

namespace sluice::sim {
namespace {

using namespace literals;

DestinationPlan draw_destination(Dice& dice, const Plan& plan) {
  DestinationPlan made;
  made.ordered = dice.chance(200);
  made.drop_oldest = dice.chance(120);
  made.ndjson = dice.chance(300);
  made.batch_bytes = dice.one_of<size_t>({300, 600, 2048, 8192});
  made.batch_lines = dice.one_of<int64_t>({0, 0, 1, 3, 20});
  made.wait = dice.one_of({1_ms, 50_ms, 200_ms});
  made.workers = dice.one_of({1, 2, 4});
  made.parcels_max = dice.one_of<int64_t>({2, 3, 8, 64});
  made.bytes_max = dice.one_of<int64_t>({600, 4096, 65'536});
  made.lines_max = dice.one_of<int64_t>({0, 0, 2, 30});
  made.home_room = dice.one_of<size_t>({1, 4, 64});
  if (dice.chance(80)) made.rate_requests = {.per_second = 60, .burst = 5};
  if (dice.chance(80)) made.rate_bytes = {.per_second = 40'000, .burst = 4'000};
  if (made.batch_lines == 1 && plan.bursts > 20) made.rate_requests = {};
  return made;
}

void draw_agent(Dice& dice, Plan& plan) {
  plan.shards = static_cast<int>(dice.between(1, 3));
  plan.lanes_on_shard = dice.chance(500);
  plan.buffers = static_cast<int>(dice.between(2, 10));
  plan.oversize_buffers = static_cast<int>(dice.between(1, 2));
  plan.block_bytes = dice.one_of<size_t>({128, 256, 512, 2048});
  plan.block_lines = dice.one_of<uint32_t>({1, 3, 16, 64});
  plan.line_bytes_max = dice.one_of<size_t>({48, 100, 256, 1024, 1024});
  plan.strip_cr = dice.chance(700);
  plan.from_end = dice.chance(100);
  plan.wide_pattern = dice.chance(350);
  plan.open_files_max = dice.chance(150) ? static_cast<size_t>(dice.between(2, 3)) : 64;
  plan.orders_max = dice.one_of<size_t>({1, 4, 64});
  plan.tick = dice.one_of({5_ms, 20_ms, 60_ms});
  plan.credit_retry = dice.one_of({5_ms, 20_ms});
  plan.hot_for = dice.one_of({10_ms, 100_ms, 500_ms});
  plan.partial_grace = dice.one_of({50_ms, 500_ms, 2000_ms});
  plan.retry_delay = dice.one_of({10_ms, 200_ms});
  plan.checkpoint_interval = dice.one_of({10_ms, 50_ms, 500_ms, 3000_ms});
  plan.reconcile_interval = dice.one_of({300_ms, 2000_ms, 5000_ms});
  plan.retry_max_delay = dice.one_of({50_ms, 500_ms, 1500_ms});
  plan.request_timeout = dice.one_of({200_ms, 2000_ms});
  plan.shutdown_timeout = dice.one_of({1_ms, 300_ms, 2000_ms});
}

void draw_machine(Dice& dice, Plan& plan) {
  plan.reuse_inodes = dice.chance(600);
  plan.birth_times = dice.chance(700);
  plan.coarse_times = dice.chance(300);
  plan.watches_max = dice.chance(100) ? 2 : 8;
  plan.streams = static_cast<int>(dice.between(1, 4));
  plan.bursts = static_cast<int>(dice.between(4, 24));
  plan.lines_per_burst = dice.one_of({1, 3, 8});
  plan.long_line = dice.one_of({0, 0, 20, 150});
  plan.partial_write = dice.one_of({0, 100, 400});
  plan.troubled = dice.one_of({500_ms, 2000_ms, 6000_ms});
}

void draw_faults(Dice& dice, Plan& plan) {
  const auto maybe = [&dice](int odds, auto value) {
    return dice.chance(odds) ? value : decltype(value){};
  };
  plan.lost_hint = maybe(400, dice.one_of({50, 300, 1000}));
  plan.hint_overflow = maybe(250, 30);
  plan.hint_delay_max = maybe(500, dice.one_of({2_ms, 50_ms, 400_ms}));
  plan.disk_error = maybe(200, dice.one_of({10, 60}));
  plan.read_error = maybe(250, dice.one_of({10, 100}));
  plan.short_read = maybe(250, dice.one_of({20, 200}));
  plan.read_delay_max = dice.one_of({0_us, 200_us, 5000_us, 80'000_us});
  plan.race_in_turn = maybe(300, dice.one_of({3, 30}));
  plan.store_error = maybe(250, 500);
  plan.request_fault = maybe(600, dice.one_of({50, 250, 600}));
  plan.outages = maybe(500, static_cast<int>(dice.between(1, 3)));
  plan.answer_delay_max = dice.one_of({100_us, 5000_us, 60'000_us});
  plan.stall = maybe(400, dice.one_of({10, 100}));
  plan.rotations = maybe(600, static_cast<int>(dice.between(1, 8)));
  plan.truncations = maybe(450, static_cast<int>(dice.between(1, 5)));
  plan.deletions = maybe(400, static_cast<int>(dice.between(1, 5)));
  plan.cuts = maybe(300, static_cast<int>(dice.between(1, 4)));
  plan.power_losses = maybe(200, static_cast<int>(dice.between(1, 2)));
  plan.fsync_lies = dice.chance(300);
  plan.store_damage = maybe(150, 400);
  plan.store_restored = maybe(100, 400);
  plan.crashes = maybe(500, static_cast<int>(dice.between(1, 3)));
  plan.stops = maybe(300, static_cast<int>(dice.between(1, 2)));
  plan.clock_jumps = maybe(200, 2);
  plan.long_outage = dice.chance(40);
  if (plan.long_outage) plan.troubled = dice.one_of({70'000_ms, 100'000_ms});
  // Where every hint arrives nothing else is needed, but for files that grow under a name that is
  // not ours while no descriptor holds them: those are found by comparing.
  const bool restarts = plan.crashes + plan.power_losses + plan.stops > 0;
  // So is the rest behind two reads in a row that ended early.
  const bool hints_do = plan.lost_hint == 0 && plan.disk_error == 0 && plan.short_read == 0 &&
                        plan.watches_max > 2 && plan.open_files_max > 3 &&
                        (plan.rotations == 0 || !restarts);
  if (hints_do && dice.chance(400)) plan.reconcile_interval = 3'600'000_ms;
}

// What people do to names beside rotating.
void draw_names(Dice& dice, Plan& plan) {
  if (dice.chance(150)) plan.no_append = dice.one_of({500, 1000});
  if (plan.rotations > 0 && dice.chance(300)) plan.packs = static_cast<int>(dice.between(1, 8));
  if (plan.packs > 0) plan.double_copies = 0;
  if (plan.streams > 2 && dice.chance(300)) plan.moves = static_cast<int>(dice.between(1, 4));
  if (dice.chance(120)) plan.links = dice.one_of({400, 1000});
  if (plan.links > 0) plan.retargets = static_cast<int>(dice.between(0, 4));
  if (plan.moves == 0 && plan.links == 0) return;
  // Contents behind links change without a hint, and a directory that comes back has no watch.
  plan.reconcile_interval = std::min(plan.reconcile_interval, Duration(5000_ms));
  const std::string ending = plan.wide_pattern ? "*.log*" : "*.log";
  const std::string below = dice.chance(400) ? "/logs/*/" : "/logs/app/";
  plan.sources.push_back({{"/logs/" + ending, below + ending}, {}});
}

// With dice of its own, so that the other plans stay what they are.
void draw_risk(uint64_t seed, Plan& plan) {
  Dice dice(seed ^ 0x61742d7269736b00);
  for (DestinationPlan& each : plan.destinations) {
    if (each.spool || each.drop_oldest || !dice.chance(500)) continue;
    each.spool = true;
    each.at_risk = true;
  }
}

}  // namespace

Plan draw_plan(uint64_t seed) {
  Dice dice(seed);
  Plan plan;
  draw_agent(dice, plan);
  draw_machine(dice, plan);
  draw_faults(dice, plan);
  const int destinations = dice.chance(300) ? 2 : 1;
  for (int i = 0; i < destinations; ++i) plan.destinations.push_back(draw_destination(dice, plan));
  if (plan.wide_pattern && plan.rotations > 0 && dice.chance(100)) plan.double_copies = 2;
  if (dice.chance(300)) plan.poison = dice.one_of({5, 40, 150});
  // A receiver that takes no line at all is an outage, and one without an end: see kTooLarge.
  if (dice.chance(200) && plan.long_line < 100) plan.body_max = dice.one_of<size_t>({600, 1500});
  if (dice.chance(300)) plan.dead_error = dice.one_of({100, 500});
  draw_names(dice, plan);
  for (DestinationPlan& each : plan.destinations) {
    each.spool = !each.drop_oldest && dice.chance(350);
    each.spool_max = dice.one_of<int64_t>({5000, 1 << 20, 1 << 20});
    each.spool_after = dice.one_of({1_ms, 50_ms, 400_ms});
  }
  if (dice.chance(400)) plan.spool_error = dice.one_of({20, 200});
  draw_risk(seed, plan);
  return plan;
}

std::string describe(const Plan& plan) {
  std::string text = fmt::format(
      "agent: {} shard(s) with {} buffers of {} B, lanes {}, line max {}, from {}, rotated names "
      "{}, "
      "files max {}\n"
      "machine: inodes {}, birth times {}; load: {} stream(s) x {} bursts of {} lines\n"
      "faults: hints lost {} overflow {}, disk {}, read {} short {}, race {}, store {}, request "
      "{}, "
      "outages {}, stall {}\n"
      "operator: rotations {}, truncations {} and {} in part, deletions {}, crashes {}, power "
      "losses "
      "{}, stops {}, clock jumps {}\n"
      "names: {} packed, {} moves of a directory, {} links, {} pointed elsewhere; {} do not "
      "append\n"
      "bodies: poison {}, at most {} B, dead letters fail {}\n"
      "store: fsync {}, damaged {}, restored {}; reconcile every {} ms; long outage {}\n",
      plan.shards, plan.buffers, plan.block_bytes, plan.lanes_on_shard ? "on a shard" : "apart",
      plan.line_bytes_max, plan.from_end ? "end" : "beginning",
      plan.wide_pattern ? "match" : "do not match", plan.open_files_max,
      plan.reuse_inodes ? "reused" : "fresh", plan.birth_times ? "known" : "unknown", plan.streams,
      plan.bursts, plan.lines_per_burst, plan.lost_hint, plan.hint_overflow, plan.disk_error,
      plan.read_error, plan.short_read, plan.race_in_turn, plan.store_error, plan.request_fault,
      plan.outages, plan.stall, plan.rotations, plan.truncations, plan.cuts, plan.deletions,
      plan.crashes, plan.power_losses, plan.stops, plan.clock_jumps, plan.packs, plan.moves,
      plan.links, plan.retargets, plan.no_append, plan.poison, plan.body_max, plan.dead_error,
      plan.fsync_lies ? "lies" : "keeps its word", plan.store_damage, plan.store_restored,
      plan.reconcile_interval.value / 1'000'000, plan.long_outage);
  for (const DestinationPlan& each : plan.destinations) {
    text += fmt::format(
        "destination: {}{}{}batch {} B {} lines, wait {} ms, {} worker(s), at most {} parcels {} B "
        "{} lines\n",
        each.ordered ? "order: file, " : "", each.drop_oldest ? "drop-oldest, " : "",
        each.at_risk ? "spool at risk, "
        : each.spool ? "spool, "
                     : "",
        each.batch_bytes, each.batch_lines, each.wait.value / 1'000'000, each.workers,
        each.parcels_max, each.bytes_max, each.lines_max);
  }
  return text;
}

}  // namespace sluice::sim

// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace sluice::sim {
namespace {

using namespace literals;

// When faults have stopped something more is delivered within this time, until all is. How long all
// takes depends on the plan: a request per line, one at a time, 120 ms each.
constexpr Duration kCalmMax{120'000'000'000};
// Then nothing more may be due: unfinished lines of rotated files, checkpoints.
constexpr Duration kAfterwards{8'000'000'000};
// A look at a file that shows nothing takes less.
constexpr Duration kLook{500'000'000};
// And then descriptors of files without a name are given back.
constexpr Duration kLetGo{75'000'000'000};
// A schedule that comes nowhere.
constexpr int64_t kStepsMax = 400'000;

}  // namespace

World::World(uint64_t seed, const Plan& plan, bool tells)
    : plan_(plan),
      witness_(tells),
      dice_(seed ^ 0x5DEECE66Du),
      feed_(plan_, witness_, dice_.fork()),
      disk_(plan_, witness_, feed_, dice_.fork()),
      ledger_(plan_, witness_, disk_),
      store_(plan_, witness_, ledger_),
      skies_(plan_.destinations.size()),
      shelves_(plan_.destinations.size()),
      writers_(plan_, witness_, disk_, dice_.fork()),
      begin_(MonoTime(0) + 1000_s) {
  witness_.now = begin_;
  store_.nth = plan_.nth;
  ledger_.agent_up = [this] { return up_; };
  disk_.names_changed = [this](Inode& inode) { ledger_.names_changed(inode); };
  disk_.closed_by_agent = [this](Inode& inode) { ledger_.closed_by_agent(inode); };
  disk_.race = [this] { race(); };
}

World::~World() = default;

Verdict World::run() {
  plan_events();
  run_until(begin_ + plan_.troubled);
  if (witness_.good()) calm_down();
  if (witness_.good()) settle();
  if (witness_.good() && plan_.stops > 0) stop_at_last();
  up_ = false;
  agent_.reset();
  Verdict verdict;
  verdict.good = witness_.good();
  verdict.hash = witness_.hash();
  verdict.steps = witness_.step;
  verdict.ended = witness_.now;
  verdict.invariant = witness_.invariant();
  verdict.what = witness_.what();
  verdict.rare = witness_.rare();
  return verdict;
}

void World::run_until(MonoTime until) {
  while (witness_.good() && step(until)) {
  }
}

// One turn of somebody, or time moves on. False when `until` is reached.
bool World::step(MonoTime until) {
  if (agent_ != nullptr) agent_->work();
  if (turn_someone()) {
    ++witness_.step;
    if (witness_.step > kStepsMax) {
      std::string turns;
      for (const int64_t count : turns_) turns.append(" ").append(std::to_string(count));
      witness_.violation("I6 LIVE", "it turns and turns; turns by thread:" + turns);
    }
    witness_.now += Duration(dice_.between(0, 30'000));
    return true;
  }
  const MonoTime next = next_moment();
  if (next >= until) {
    witness_.now = std::max(witness_.now, until);
    return false;
  }
  witness_.now = std::max(witness_.now, next);
  return true;
}

MonoTime World::next_moment() const {
  MonoTime next = events_.empty() ? kNever : events_.back().at;
  for (size_t i = 0; agent_ != nullptr && i < agent_->threads(); ++i)
    next = std::min(next, std::max(agent_->due(i), stalled_until_[i]));
  return next;
}

bool World::turn_someone() {
  const MonoTime now = witness_.now;
  std::array<size_t, 16> ready{};
  size_t count = 0;
  for (size_t i = 0; agent_ != nullptr && i < agent_->threads(); ++i) {
    if (stalled_until_[i] <= now && agent_->due(i) <= now) ready[count++] = i;
  }
  const bool event_due = !events_.empty() && events_.back().at <= now;
  if (count == 0 && !event_due) return false;
  const size_t pick = dice_.below(count + (event_due ? 1 : 0));
  if (pick == count) {
    const Event event = events_.back();
    events_.pop_back();
    act(event);
    return true;
  }
  ++turns_[ready[pick]];
  agent_->turn(ready[pick]);
  after_turn(ready[pick]);
  return true;
}

void World::after_turn(size_t thread) {
  agent_->check_counts();
  if (faults_ && dice_.chance(plan_.stall))
    stalled_until_[thread] = witness_.now + dice_.between(0_ms, 60_ms);
  if (agent_->ended()) end_agent(false);
}

void World::act(const Event& event) {
  switch (event.act) {
    case Act::kWrite:
      return writers_.write(event.which);
    case Act::kRotate:
      return rotate(event.which, static_cast<Rotation>(event.value));
    case Act::kTruncateCopy:
      return writers_.finish_copy(event.which);
    case Act::kWeather:
      witness_.see("network  d%ld: weather %ld", static_cast<int64_t>(event.which), event.value);
      skies_[event.which].weather = static_cast<Weather>(event.value);
      return;
    case Act::kStoreFull:
    case Act::kStoreFree:
      store_.full = event.act == Act::kStoreFull;
      return;
    case Act::kCrash:
      if (agent_ != nullptr) end_agent(true);
      return;
    case Act::kPowerLoss:
      return lose_power();
    case Act::kStop:
      if (agent_ != nullptr && !agent_->stopping()) agent_->begin_stop();
      return;
    case Act::kStart:
      if (agent_ == nullptr) start_agent();
      return;
    case Act::kMove:
      return writers_.move_directory();
    case Act::kClock:
      witness_.saw(Rare::kClockJump);
      wall_shift_ns_ += event.value;
      return;
  }
}

void World::rotate(size_t stream, Rotation how) {
  writers_.rotate(stream, how);
  if (how == Rotation::kCopyTruncate)
    add({witness_.now +
             (dice_.chance(200) ? dice_.between(0_ms, 400_ms) : dice_.between(0_ms, 4_ms)),
         Act::kTruncateCopy, stream, 0});
}

// Somebody acts between two system calls of the steward.
void World::race() {
  if (racing_ || !faults_) return;
  racing_ = true;
  witness_.saw(Rare::kRaceInTurn);
  const size_t stream = dice_.below(writers_.count());
  std::array<Rotation, 9> ways{};
  size_t count = 0;
  if (plan_.rotations > 0) ways[count++] = Rotation::kRename;
  if (plan_.rotations > 0) ways[count++] = Rotation::kCopyTruncate;
  if (plan_.truncations > 0) ways[count++] = Rotation::kTruncate;
  if (plan_.cuts > 0) ways[count++] = Rotation::kCut;
  if (plan_.deletions > 0) ways[count++] = Rotation::kDelete;
  if (plan_.deletions > 0) ways[count++] = Rotation::kReplace;
  if (plan_.packs > 0) ways[count++] = Rotation::kPack;
  if (plan_.retargets > 0) ways[count++] = Rotation::kRetarget;
  const size_t pick = dice_.below(count + 2);
  if (pick < count) {
    rotate(stream, ways[pick]);
  } else {
    writers_.write(stream);
  }
  racing_ = false;
}

void World::start_agent() {
  witness_.see("operator starts the agent");
  up_ = true;
  ledger_.run_begins();
  const Machine machine{plan_,   witness_, disk_,    feed_,          store_,
                        ledger_, skies_,   shelves_, wall_shift_ns_, faults_};
  agent_ = std::make_unique<AgentLife>(machine, dice_.next());
  stalled_until_.assign(agent_->threads(), MonoTime(0));
  turns_.assign(agent_->threads(), 0);
}

void World::end_agent(bool crash) {
  if (crash) {
    witness_.see("operator kills the agent");
    agent_->die();
  } else {
    agent_->finish();
  }
  up_ = false;
  agent_.reset();
  ++lives_ended_;
  disk_.close_all();
  feed_.forget_all();
  treat_store();
  ledger_.run_ends();
  const Duration away = dice_.chance(400) ? 0_ms : dice_.between(0_ms, 1500_ms);
  add({witness_.now + away, Act::kStart, 0, 0});
}

// The machine goes down and comes up again.
void World::lose_power() {
  witness_.see("machine  loses its power");
  witness_.saw(Rare::kPowerLost);
  writers_.lose_power();
  disk_.lose_power();
  store_.lose_power();
  for (SpoolShelf& shelf : shelves_) shelf.lose_power(dice_);
  if (agent_ != nullptr) return end_agent(true);
  treat_store();
  ledger_.run_ends();
}

// What befalls a store while no agent has it open.
void World::treat_store() {
  if (faults_ && dice_.chance(plan_.store_damage)) store_.damage(dice_);
  if (faults_ && dice_.chance(plan_.store_restored)) store_.restore_old_copy(dice_);
  ledger_.store_is(store_.rows(), store_.damaged());
}

// The end of all faults: what is broken is mended, who is away comes back.
void World::calm_down() {
  witness_.see("from here on everything works");
  faults_ = false;
  feed_.faults = false;
  disk_.faults = false;
  store_.full = false;
  store_.nth = nullptr;
  store_.end_faults();
  for (DestinationSky& sky : skies_) sky.weather = Weather::kFine;
  std::erase_if(events_, [](const Event& event) { return event.act != Act::kStart; });
  for (size_t i = 0; i < writers_.count(); ++i) {
    writers_.come_to_rest(i);
    writers_.write(i);
    writers_.come_to_rest(i);
  }
  // A file that was out of reach may be found only now, and then it is owed.
  while (witness_.good() && wait_for_the_rest()) {
  }
  if (ledger_.owed_missing() == 0 || !mend_receivers()) return;
  while (witness_.good() && wait_for_the_rest()) {
  }
}

// Where a lane rightly holds what was refused, nothing more would ever happen: a line that the
// receiver takes is needed, and all that is left are lines that it refuses.
bool World::mend_receivers() {
  bool holds = false;
  for (uint32_t i = 0; i < plan_.destinations.size(); ++i) holds = holds || ledger_.may_hold(i);
  if (!holds || std::exchange(ledger_.receivers_mended, true)) return false;
  witness_.see("receivers take every line from now on");
  witness_.saw(Rare::kHeldForProof);
  return true;
}

// Whether something more is owed than when all had arrived.
bool World::wait_for_the_rest() {
  MonoTime deadline = witness_.now + kCalmMax;
  int64_t settled = ledger_.settled_bytes();
  bool arrived = false;
  while (witness_.good() && !arrived && witness_.now < deadline) {
    run_until(witness_.now + 200_ms);
    const int64_t now_settled = ledger_.settled_bytes();
    // Also while it is busy with what is not owed.
    const bool moves = now_settled != std::exchange(settled, now_settled);
    if (moves) deadline = witness_.now + kCalmMax;
    arrived =
        agent_ != nullptr && !agent_->stopping() && agent_->empty() && ledger_.owed_missing() == 0;
  }
  run_until(witness_.now + kAfterwards);
  return arrived && ledger_.owed_missing() > 0;
}

void World::wait_until_empty(Duration at_most) {
  const MonoTime patience = witness_.now + at_most;
  while (witness_.good() && !agent_->empty() && witness_.now < patience)
    run_until(witness_.now + 1_ms);
}

void World::settle() {
  if (agent_ == nullptr) return witness_.violation("I6 LIVE", "the agent never came back");
  // A look at a file may be under way just now.
  wait_until_empty(kLook);
  // Nobody owes what was truncated away, nor zeros that nobody wrote, but they are on the road.
  if (!agent_->empty() && mend_receivers()) wait_until_empty(kAfterwards);
  ledger_.settle_accounts(agent_->survey().lag);
  if (!agent_->empty())
    witness_.violation("I7 BOUND", "buffers, reads or parcels are not returned");
  agent_->check_audit();
  run_until(witness_.now + kLetGo);
  for (const Inode& inode : disk_.inodes()) {
    if (inode.handles > 0 && inode.links == 0)
      witness_.violation("I7 BOUND",
                         fmt::format("deleted file #{} is held for ever", inode.serial));
  }
}

// A stop when everything is delivered: it must end, and the rows must say so.
void World::stop_at_last() {
  const int before = lives_ended_;
  agent_->begin_stop();
  run_until(witness_.now + plan_.shutdown_timeout + 2000_ms);
  if (!witness_.good()) return;
  if (lives_ended_ == before) witness_.violation("I6 LIVE", "the agent does not stop");
}

}  // namespace sluice::sim

// SPDX-License-Identifier: Apache-2.0
// What people and programs do in a scene, and how time passes in it.
#include "scene.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sluice::sim {

using namespace literals;

namespace {

// A scene that comes nowhere.
constexpr int64_t kStepsMax = 2'000'000;
// The pause between a kill and the next start.
constexpr Duration kAway{50'000'000};

}  // namespace

Scene::Scene(const Plan& plan, uint64_t seed)
    : plan_(plan),
      dice_(seed),
      feed_(plan_, witness_, dice_.fork()),
      disk_(plan_, witness_, feed_, dice_.fork()),
      ledger_(plan_, witness_, disk_),
      store_(plan_, witness_, ledger_),
      skies_(plan_.destinations.size()),
      shelves_(plan_.destinations.size()) {
  witness_.now = MonoTime(0) + 1000_s;
  ledger_.agent_up = [this] { return up_; };
  ledger_.on_stored = [this](uint32_t destination, const std::vector<BodyRecord>& records) {
    stored(destination, records);
  };
  disk_.names_changed = [this](Inode& inode) { ledger_.names_changed(inode); };
  disk_.closed_by_agent = [this](Inode& inode) { ledger_.closed_by_agent(inode); };
  disk_.race = [this] { called_disk(); };
}

Scene::~Scene() {
  up_ = false;
}

std::string Scene::path_of(const std::string& name) {
  return name.front() == '/' ? name : "/logs/" + name;
}

// `a.log 17 payload`: no two lines are equal. Some are longer than a small block.
std::string Scene::make_line(const std::string& name) {
  std::string line = fmt::format("{} {} ", name, ++lines_made_);
  const size_t payload = dice_.chance(50) ? 100 + dice_.below(200) : dice_.below(40);
  for (size_t i = 0; i < payload; ++i) line += static_cast<char>('a' + dice_.below(26));
  return line;
}

Inode* Scene::open(const std::string& name) {
  const std::string path = path_of(name);
  Inode* file = disk_.find(path);
  if (file == nullptr) file = disk_.create(path);
  disk_.hold(*file);
  return file;
}

void Scene::write(Inode* file, int lines) {
  const auto names = disk_.names_of(*file);
  std::string text;
  for (int i = 0; i < lines; ++i) {
    std::string line = make_line(names.empty() ? "deleted" : names.front());
    text.append(line).append("\n");
    owe(std::move(line));
  }
  append(file, text);
}

void Scene::write_behind(Inode* file, size_t at, int lines) {
  witness_.see("writer   goes on at its old offset %ld", static_cast<int64_t>(at));
  disk_.write_behind(*file, at, "");
  write(file, lines);
}

void Scene::append(Inode* file, std::string_view text) {
  disk_.append(*file, text);
  witness_.see("writer   writes %ld bytes to file #%ld", static_cast<int64_t>(text.size()),
               file->serial);
}

void Scene::close(Inode* file) {
  disk_.let_go(*file);
}

void Scene::write(const std::string& name, int lines) {
  Inode* file = open(name);
  write(file, lines);
  close(file);
}

void Scene::append(const std::string& name, std::string_view text) {
  Inode* file = open(name);
  append(file, text);
  close(file);
}

void Scene::rename(const std::string& from, const std::string& to) {
  witness_.see("somebody renames file #%ld", disk_.find(path_of(from))->serial);
  disk_.rename(path_of(from), path_of(to));
}

void Scene::copy(const std::string& from, const std::string& to, size_t end) {
  Life* original = disk_.find(path_of(from))->life;
  Inode* file = open(to);
  Life& copy = *file->life;
  if (copy.content.empty()) copy.parent = original;
  copy.is_copy = copy.copy_ended = copy.parent == original;
  const size_t size = copy.content.size();
  if (end > size) append(file, std::string(original->content).substr(size, end - size));
  close(file);
}

void Scene::truncate(const std::string& name, size_t keep) {
  Inode* file = disk_.find(path_of(name));
  witness_.see("somebody truncates file #%ld", file->serial);
  disk_.truncate(*file, keep);
}

void Scene::unlink(const std::string& name) {
  witness_.see("somebody unlinks file #%ld", disk_.find(path_of(name))->serial);
  disk_.unlink(path_of(name));
}

void Scene::pack(const std::string& from, const std::string& to) {
  witness_.see("somebody packs file #%ld", disk_.find(path_of(from))->serial);
  disk_.pack(path_of(from), path_of(to));
}

void Scene::link(const std::string& name, const std::string& more) {
  disk_.link(path_of(name), path_of(more));
}

void Scene::symlink(const std::string& target, const std::string& name) {
  witness_.see("somebody points a link elsewhere");
  disk_.symlink(path_of(target), path_of(name));
}

void Scene::make_directory(const std::string& name) {
  witness_.see("somebody makes a directory");
  disk_.make_directory(path_of(name));
}

void Scene::remove_directory(const std::string& name) {
  witness_.see("somebody removes a directory");
  disk_.remove_directory(path_of(name));
}

void Scene::rename_directory(const std::string& from, const std::string& to) {
  witness_.see("somebody renames a directory");
  disk_.rename_directory(path_of(from), path_of(to));
}

bool Scene::exists(const std::string& name) const {
  return disk_.find(path_of(name)) != nullptr;
}

const std::string& Scene::content(const std::string& name) const {
  return disk_.find(path_of(name))->life->content;
}

void Scene::start() {
  witness_.see("operator starts the agent");
  revive_at_ = kNever;
  up_ = true;
  ledger_.run_begins();
  const Machine machine{plan_,   witness_, disk_,    feed_,          store_,
                        ledger_, skies_,   shelves_, wall_shift_ns_, faults_};
  agent_ = std::make_unique<AgentLife>(machine, dice_.next());
  stalled_until_.assign(agent_->threads(), MonoTime(0));
}

void Scene::begin_stop() {
  if (agent_ != nullptr && !agent_->stopping()) agent_->begin_stop();
}

void Scene::stop() {
  begin_stop();
  const Duration patience = plan_.shutdown_timeout + 2_s;
  if (!run_until([this] { return agent_ == nullptr; }, patience) && witness_.good())
    witness_.violation("I6 LIVE", "the agent does not stop");
}

int64_t Scene::kill() {
  const int64_t risk = at_risk();
  if (agent_ != nullptr) end_life(true);
  return risk;
}

void Scene::lose_power() {
  witness_.see("the power fails");
  disk_.lose_power();
  store_.lose_power();
  for (SpoolShelf& shelf : shelves_) shelf.lose_power(dice_);
  ledger_.store_is(store_.rows(), store_.damaged());
  kill();
}

void Scene::end_life(bool crash) {
  if (crash) {
    witness_.see("operator kills the agent");
    agent_->die();
  } else {
    agent_->finish();
  }
  keep_numbers();
  up_ = false;
  agent_.reset();
  ended_at_ = witness_.now;
  disk_.close_all();
  feed_.forget_all();
  ledger_.run_ends();
}

void Scene::receiver(Weather weather, uint32_t destination) {
  witness_.see("network  d%ld: weather %ld", destination, static_cast<int64_t>(weather));
  skies_[destination].weather = weather;
}

void Scene::at_disk_call(int64_t call, std::function<void()> act) {
  plan_.race_in_turn = 1000;
  calls_left_ = call;
  act_at_call_ = std::move(act);
}

void Scene::called_disk() {
  if (act_at_call_ == nullptr || --calls_left_ > 0) return;
  std::exchange(act_at_call_, nullptr)();
}

bool Scene::act_now() {
  if (act_at_call_ == nullptr) return false;
  std::exchange(act_at_call_, nullptr)();
  return true;
}

MonoTime Scene::next_moment() const {
  MonoTime next = revive_at_;
  for (size_t i = 0; agent_ != nullptr && i < agent_->threads(); ++i)
    next = std::min(next, std::max(agent_->due(i), stalled_until_[i]));
  return next;
}

bool Scene::turn_someone() {
  const MonoTime now = witness_.now;
  if (agent_ == nullptr) {
    if (revive_at_ > now) return false;
    start();
    return true;
  }
  std::vector<size_t> ready;
  for (size_t i = 0; i < agent_->threads(); ++i) {
    if (stalled_until_[i] <= now && agent_->due(i) <= now) ready.push_back(i);
  }
  if (ready.empty()) return false;
  const size_t thread = ready[dice_.below(ready.size())];
  agent_->turn(thread);
  agent_->check_counts();
  if (faults_ && dice_.chance(plan_.stall))
    stalled_until_[thread] = witness_.now + dice_.between(0_ms, 60_ms);
  if (agent_->ended()) {
    end_life(false);
  } else if (turns_left_ > 0 && --turns_left_ == 0) {
    killed_at_risk_ = kill();
    revive_at_ = witness_.now + kAway;
  }
  return true;
}

// One turn of somebody, or time moves on. False when `until` is reached.
bool Scene::step(MonoTime until) {
  if (agent_ != nullptr) agent_->work();
  if (turn_someone()) {
    if (++witness_.step > kStepsMax) witness_.violation("I6 LIVE", "it turns and turns");
    witness_.now += Duration(dice_.between(0, 30'000));
    return true;
  }
  const MonoTime next = next_moment();
  witness_.now = std::max(witness_.now, std::min(next, until));
  return next < until;
}

void Scene::run(Duration time) {
  const MonoTime until = witness_.now + time;
  while (witness_.good() && step(until)) {
  }
}

bool Scene::run_until(const std::function<bool()>& done, Duration at_most) {
  const MonoTime until = witness_.now + at_most;
  while (witness_.good() && !done()) {
    if (!step(until)) return done();
  }
  return witness_.good();
}

void Scene::run_until_followed(const std::string& name, Duration at_most) {
  const Inode* file = disk_.find(path_of(name));
  const auto done = [&] { return file->handles > 0; };
  if (!run_until(done, at_most) && witness_.good())
    witness_.violation("I6 LIVE", fmt::format("{} is not followed in time", name));
}

void Scene::run_until_delivered(Duration at_most) {
  const auto done = [this] { return lines_missing() == 0 && ledger_.owed_missing() == 0; };
  if (!run_until(done, at_most) && witness_.good())
    witness_.violation("I6 LIVE", fmt::format("{} lines and {} bytes are not delivered in time",
                                              lines_missing(), ledger_.owed_missing()));
}

}  // namespace sluice::sim

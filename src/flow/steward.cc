// SPDX-License-Identifier: Apache-2.0
#include "flow/steward.h"

#include <algorithm>
#include <utility>

#include "sluice/crash_point.h"
#include "sluice/planted.h"

namespace sluice {
namespace {

std::vector<PathRules> rules_of(const StewardSettings& settings) {
  std::vector<PathRules> rules;
  for (const StewardSource& source : settings.sources) rules.push_back(source.rules);
  return rules;
}

bool wants_any(const PathRules& rules, const CheckpointRows& rows) {
  const auto free = rows.free_rows();
  return std::any_of(free.begin(), free.end(),
                     [&](int64_t row) { return rules.wants(rows.at(row).path); });
}

}  // namespace

Result<StewardSettings> steward_settings(const AgentConfig& config, size_t open_files_max) {
  StewardSettings settings;
  settings.checkpoint_interval = config.checkpoint_interval;
  settings.reconcile_interval = config.reconcile_interval;
  settings.open_files_max = open_files_max;
  for (const DestinationConfig& destination : config.destinations) {
    settings.destinations.push_back(
        {.name = destination.name, .ordered = destination.order == DeliveryOrder::kFile});
  }
  for (const SourceConfig& source : config.sources) {
    auto rules = PathRules::compile(source.paths, source.exclude);
    if (!rules.ok()) return rules.error();
    StewardSource made{
        .name = source.name, .rules = std::move(*rules), .from = source.from, .destinations = {}};
    for (uint32_t i = 0; i < settings.destinations.size(); ++i) {
      const auto& names = source.destinations;
      if (std::find(names.begin(), names.end(), settings.destinations[i].name) != names.end())
        made.destinations.push_back(DestinationId(i));
    }
    settings.sources.push_back(std::move(made));
  }
  return settings;
}

Steward::Steward(StewardSettings settings, StewardDoors doors, StewardWorld world)
    : settings_(std::move(settings)),
      doors_(std::move(doors)),
      world_(world),
      catalogue_(world.disk, world.feed, rules_of(settings_)),
      files_(doors_.shards.size()),
      begins_at_end_(settings_.sources.size(), false),
      orders_(doors_.shards.size()),
      drained_(doors_.shards.size(), false) {
  SLUICE_CHECK(!doors_.shards.empty(), "somebody reads");
  SLUICE_CHECK(doors_.reports != nullptr && doors_.home != nullptr, "shards and lanes answer");
}

Steward::~Steward() {
  for (const auto& [key, file] : files_.files()) {
    if (file.handle.valid()) world_.disk.close(file.handle);
  }
}

void Steward::report_damaged_store(const StoredState& loaded) {
  const std::string kept = std::to_string(loaded.rows.size());
  const std::string damaged = std::to_string(loaded.damaged_rows);
  world_.metrics.checkpoint_rows_salvaged.add(static_cast<int64_t>(loaded.rows.size()));
  world_.metrics.checkpoint_rows_damaged.add(loaded.damaged_rows);
  world_.log.event(Severity::kWarning, "checkpoint.set_aside",
                   "the checkpoint store was damaged and set aside; files whose positions could "
                   "not be carried over are delivered again from their beginning",
                   {{"path", loaded.set_aside}, {"kept_rows", kept}, {"damaged_rows", damaged}});
}

Result<void> Steward::start(MonoTime now, WallTime wall) {
  now_ = now;
  wall_ = wall;
  auto loaded = world_.store.load();
  if (!loaded.ok()) return loaded.error();
  host_id_ = loaded->host_id;
  const bool damaged = !loaded->set_aside.empty();
  if (damaged) report_damaged_store(*loaded);
  rows_.load(std::move(loaded->rows));
  for (size_t i = 0; i < settings_.sources.size(); ++i) {
    const StewardSource& source = settings_.sources[i];
    // A lost store is no reason to skip what it would have pointed to.
    begins_at_end_[i] = source.from == StartFrom::kEnd &&
                        (!damaged || planted(Planted::kDamagedStoreSkipsToEnd)) &&
                        !rows_.knows_source(source.name) && !wants_any(source.rules, rows_);
  }
  for (int64_t row : rows_.free_rows()) {
    if (is_rest(rows_.at(row)) && !rows_.at(row).gone) {
      load_rest(rows_.at(row));
      continue;
    }
    const Duration age = rows_.at(row).gone ? wall - rows_.at(row).updated : Duration(0);
    leave_row(row, false, now - std::clamp(age, Duration(0), kGoneRowKept));
  }
  first_look_ = true;
  reconcile();
  first_look_ = false;
  search_rests();
  search_chains();
  for (const StewardSource& source : settings_.sources) {
    if (source.from == StartFrom::kEnd) rows_.note_source(source.name, wall);
  }
  if (rows_.changed()) row_added();
  flush_orders();
  count();
  return {};
}

MonoTime Steward::turn(MonoTime now, WallTime wall) {
  now_ = now;
  wall_ = wall;
  take_reports();  // before the parcels: a new epoch is announced before its lines come home
  take_home();
  // From here on every ack and every word of the shards that had arrived is in the books.
  if (!stopping_) {
    look_at_hints();
    if (now >= reconcile_at_) reconcile();
    if (now >= recheck_at_) recheck_directories();
    if (now >= expire_at_) expire_left_rows();
    search_rests();
    if (now >= held_at_) {
      held_at_ = kNever;
      look_at_held();
    }
    search_chains();
    check_leaving();
    retry_closing();
    make_room();
    read_archives();
  }
  // Failures are said, counted and tried again.
  if (now >= store_at_) {
    (void)store_now();
  } else if (now >= new_rows_at_) {
    (void)commit_rows();
  }
  flush_orders();
  count();
  return next_deadline();
}

void Steward::take_reports() {
  ShardReport report;
  while (doors_.reports->pop(report)) {
    switch (report.kind) {
      case ShardReport::Kind::kCold:
        tail_cold(report);
        break;
      case ShardReport::Kind::kNewEpoch:
        tail_new_epoch(report);
        break;
      case ShardReport::Kind::kReleased:
        tail_released(report);
        break;
      case ShardReport::Kind::kTrouble:
        tail_trouble(report);
        break;
      case ShardReport::Kind::kRefused:
        tail_refused(report);
        break;
      case ShardReport::Kind::kDrained: {
        SLUICE_CHECK(!drained_.at(report.shard.value), "a shard drains once");
        drained_[report.shard.value] = true;
        ++drained_shards_;
        break;
      }
      case ShardReport::Kind::kSkipped:
        tail_skipped(report);
        break;
      case ShardReport::Kind::kPlace:
        tail_place(report);
        break;
      case ShardReport::Kind::kPosition:
      case ShardReport::Kind::kTold:
        tail_position(report);
        break;
    }
  }
}

void Steward::take_home() {
  ParcelPtr parcel;
  while (doors_.home->pop(parcel)) {
    SLUICE_CHECK(parcel->fate != Fate::kOnItsWay, "a parcel comes home with its verdict");
    // Undelivered lines stay unacknowledged: the next run reads them again.
    if (parcel->fate == Fate::kUndelivered && !planted(Planted::kUndeliveredCounts)) continue;
    const bool dropped = parcel->fate == Fate::kDropped;
    const Outcome outcome = dropped ? Outcome::kDropped : Outcome::kAcked;
    SLUICE_CRASHPOINT("steward.ack.before");
    for (const Span& span : parcel->spans) release_span(span, outcome);
    SLUICE_CRASHPOINT("steward.ack.after");
  }
}

void Steward::look_at_hints() {
  hints_postponed_ = now_ < hints_wanted_at();
  if (hints_postponed_) return;
  hints_.clear();
  const bool lost = world_.feed.poll(hints_);
  // Only a look that found something is followed by a pause: a quiet feed wakes nobody.
  if (lost || !hints_.empty()) last_hint_look_ = now_;
  if (lost) {
    world_.metrics.event_overflows.add();
    if (planted(Planted::kOverflowNotRescanned)) return;
    return reconcile();
  }
  if (hints_.empty()) return;
  std::vector<CatalogueEvent> events;
  catalogue_.notice(hints_, events);
  apply(events);
  if (catalogue_.doubtful()) recheck_at_ = std::min(recheck_at_, now_ + kDoubtPause);
}

void Steward::recheck_directories() {
  recheck_at_ = kNever;
  std::vector<CatalogueEvent> events;
  catalogue_.recheck(events);
  apply(events);
}

void Steward::reconcile() {
  world_.metrics.reconciles.add();
  reconcile_at_ = now_ + settings_.reconcile_interval;
  std::vector<CatalogueEvent> events;
  catalogue_.reconcile(events);
  if (first_look_) {
    // Files that rows speak of choose first; what may only be a copy of one comes after it.
    std::stable_partition(events.begin(), events.end(), [&](const CatalogueEvent& event) {
      return rows_.knows_inode(event.stat.inode);
    });
  }
  apply(events);
  retry_unopened(false);
  look_at_held();
  look_at_open_files();
  note_sizes();
  search_left_rows();
  if (expire_at_ == kNever) expire_left_rows();
}

void Steward::order(const FollowedTail& tail, ShardOrder::Kind kind) {
  ShardOrder made;
  made.kind = kind;
  made.tail = tail.id;
  made.epoch = tail.window.epoch();
  made.offset = tail.window.committed();
  send(tail.shard, std::move(made));
}

void Steward::send(ShardId shard, ShardOrder order) {
  orders_[shard.value].push_back(std::move(order));
}

void Steward::flush_orders() {
  for (size_t shard = 0; shard < orders_.size(); ++shard) {
    const StewardDoors::Shard& door = doors_.shards[shard];
    std::deque<ShardOrder>& waiting = orders_[shard];
    if (waiting.empty()) continue;
    while (!waiting.empty() && door.orders->size_approx() < settings_.orders_max) {
      const bool fits = door.orders->push(settings_.producer, std::move(waiting.front()));
      SLUICE_CHECK(fits, "a shard's channel has room for orders_max orders");
      waiting.pop_front();
    }
    if (door.waker != nullptr) door.waker->wake();
  }
}

void Steward::count() {
  world_.metrics.open_files.set(static_cast<int64_t>(open_files_));
  world_.metrics.tails.set(static_cast<int64_t>(files_.tails().size()));
  world_.metrics.checkpoint_rows.set(static_cast<int64_t>(rows_.size()));
}

MonoTime Steward::next_deadline() const {
  MonoTime next = std::min(store_at_, new_rows_at_);
  const bool orders_wait = std::any_of(orders_.begin(), orders_.end(),
                                       [](const auto& waiting) { return !waiting.empty(); });
  if (orders_wait) next = std::min(next, now_ + kOrderPause);
  if (stopping_) return next;
  if (hints_postponed_) next = std::min(next, hints_wanted_at());
  return std::min({next, reconcile_at_, leaving_at_, room_at_, closing_at_, recheck_at_, chains_at_,
                   archives_at_, expire_at_, rests_at_, held_at_});
}

void Steward::begin_stop() {
  SLUICE_CHECK(!std::exchange(stopping_, true), "a stop begins once");
  SLUICE_CRASHPOINT("stop.begin");
  for (uint32_t shard = 0; shard < doors_.shards.size(); ++shard) {
    ShardOrder drain;
    drain.kind = ShardOrder::Kind::kDrain;
    send(ShardId(shard), std::move(drain));
  }
  flush_orders();
}

Result<Bytes> Steward::finish(MonoTime now, WallTime wall) {
  SLUICE_CHECK(stopping_, "a stop begins before it ends");
  now_ = now;
  wall_ = wall;
  take_reports();
  take_home();
  const Bytes undelivered = sum_up().lag;
  note_sizes();
  SLUICE_CRASHPOINT("stop.checkpoint.before");
  const Result<void> stored = planted(Planted::kStopForgetsRows) ? Result<void>() : store_now();
  SLUICE_CRASHPOINT("stop.checkpoint.after");
  count();
  if (!stored.ok()) return stored.error();
  return undelivered;
}

}  // namespace sluice

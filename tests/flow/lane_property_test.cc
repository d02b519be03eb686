// SPDX-License-Identifier: Apache-2.0
// Thousands of random lives of a lane: random settings, arrivals, faults, orders of answers and
// stops, against a ledger kept by the simplest means. Time moves only to what the lane asked for
// and to what the world does, so a wish that the lane forgets shows up as a standstill.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>
#include <vector>

#include "lane_stand.h"

namespace sluice {
namespace {

using namespace literals;

struct ShippedParcel {
  int64_t lines = 0;
  int64_t body_bytes = 0;
  bool acked = false;               // a real success was given
  MonoTime asked_to_wait_until{0};  // by Retry-After of the last answer
};

class LaneLife {
 public:
  explicit LaneLife(uint32_t seed) : random_(seed) {
    LaneSettings& settings = stand_.settings;
    settings.workers = static_cast<int32_t>(1 + up_to(6));
    settings.retry_min_delay = Duration(1 + up_to(100'000'000));
    settings.retry_max_delay = settings.retry_min_delay + Duration(up_to(5'000'000'000));
    if (chance(3)) settings.rate_bytes = {1000 + up_to(100'000), 1 + up_to(5'000)};
    if (chance(3)) settings.rate_lines = {100 + up_to(2'000), 1 + up_to(100)};
    if (chance(3)) settings.rate_requests = {5 + up_to(100), 1 + up_to(10)};
    stand_.gauge.drop_oldest = chance(2);
    stand_.gauge.lines_max = chance(2) ? 1 + up_to(300) : 0;
    if (chance(3)) stand_.gauge.bytes_max = 1 + up_to(5'000);
    if (chance(4)) stand_.gauge.parcels_max = 2 + up_to(8);
    if (chance(3)) settings.home_room = static_cast<size_t>(1 + up_to(10));
    stand_.start(seed);
  }

  void run() {
    const int64_t steps = 20 + up_to(150);
    for (int64_t i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) step(true);
    if (chance(2)) {
      stop_deadline_ = stand_.now + Duration(up_to(3'000'000'000));
      stand_.lane->begin_stop(stand_.now, stop_deadline_);
      wanted_ = stand_.now;
      for (int i = 0; i < 5; ++i) step(true);
    }
    for (int i = 0; i < 20'000 && !stand_.lane->empty(); ++i) {
      if (::testing::Test::HasFatalFailure()) return;
      step(false);
    }
    check_end();
  }

  // What was asked of the destination, and when.
  std::vector<std::tuple<int64_t, uint64_t, uint32_t>> trace() const {
    std::vector<std::tuple<int64_t, uint64_t, uint32_t>> result;
    for (const ScriptedWire::Request& request : stand_.wire.requests) {
      result.emplace_back(request.time.value, request.key.low, request.attempt);
    }
    return result;
  }

 private:
  int64_t up_to(int64_t top) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(top));
  }
  bool chance(int64_t one_in) { return up_to(one_in) == 0; }

  // In fair weather the world only answers, well, after a while.
  void step(bool foul) {
    const MonoTime world = stand_.now + Duration(1 + up_to(foul ? 300'000'000 : 20'000'000));
    const bool world_acts = foul || !stand_.wire.open_tickets().empty();
    const MonoTime next = world_acts ? std::min(wanted_, world) : wanted_;
    ASSERT_LT(next, kNever) << "the lane holds parcels and waits for nothing";
    stand_.now = std::max(stand_.now, next);
    if (world <= stand_.now) {
      if (foul && chance(2)) ship();
      for (int64_t i = up_to(3); i >= 0; --i) answer_some(foul);
    }
    turn();
  }

  void ship() {
    for (int64_t i = up_to(4); i >= 0; --i) {
      if (!stand_.gauge.has_parcel_room()) return;
      ShippedParcel parcel;
      parcel.lines = 1 + up_to(60);
      parcel.body_bytes = 1 + up_to(2'000);
      stand_.ship(parcel.lines, static_cast<size_t>(parcel.body_bytes));
      shipped_[stand_.shipped] = parcel;
    }
  }

  WireAnswer foul_answer() {
    WireAnswer answer;
    if (chance(3)) {
      answer.failure = static_cast<TransportFailure>(1 + up_to(6));
      answer.status = chance(2) ? 200 : 0;
    } else {
      constexpr int32_t kStatuses[] = {200, 200, 200, 204, 202, 206, 301, 400, 401, 404, 413,
                                       429, 429, 500, 503, 503, 101, 0,   700, 501, 422};
      answer.status = kStatuses[up_to(std::size(kStatuses))];
    }
    answer.body_sent = !chance(4);
    if (chance(4)) answer.retry_after = Duration(up_to(8'000'000'000) - 1'000'000'000);
    answer.took = Duration(up_to(1'000'000));
    return answer;
  }

  void answer_some(bool foul) {
    const std::vector<uint64_t> open = stand_.wire.open_tickets();
    if (open.empty()) return;
    const uint64_t ticket = open[static_cast<size_t>(up_to(static_cast<int64_t>(open.size())))];
    const WireAnswer answer = foul ? foul_answer() : status_answer(200);
    ShippedParcel& parcel = shipped_.at(stand_.wire.parcel_of(ticket).key.low);
    const bool answered = answer.failure == TransportFailure::kNone;
    const bool success =
        answered && answer.body_sent && answer.status >= 200 && answer.status <= 205;
    parcel.acked = parcel.acked || success;
    if (!success && answered && answer.retry_after > 0_s) {
      parcel.asked_to_wait_until = stand_.now + answer.retry_after;
    }
    ++answers_;
    if (answer.body_sent) wire_bytes_ += parcel.body_bytes;
    stand_.wire.answer(ticket, answer);
  }

  void turn() {
    const size_t requests_before = stand_.wire.requests.size();
    if (chance(3)) stand_.home.parcels.clear();  // the steward takes them
    const size_t home_before = stand_.home.parcels.size();
    const auto held_before = static_cast<size_t>(stand_.gauge.held_parcels.load());
    wanted_ = stand_.turn();
    ASSERT_GE(wanted_, stand_.now);
    const bool idle =
        requests_before == stand_.wire.requests.size() && home_before == stand_.home.parcels.size();
    idle_turns_ = idle && wanted_ == stand_.now ? idle_turns_ + 1 : 0;
    ASSERT_LT(idle_turns_, 3) << "a busy loop";
    for (size_t i = requests_before; i < stand_.wire.requests.size(); ++i) {
      check_request(stand_.wire.requests[i]);
    }
    for (size_t i = home_before; i < stand_.home.parcels.size(); ++i) {
      check_homecoming(*stand_.home.parcels[i]);
    }
    // Only what is not yet home can still come home above the room that the lane looks for.
    ASSERT_LE(stand_.home.parcels.size(),
              std::max(home_before, stand_.settings.home_room) + held_before);
    check_window();
    check_gauge();
    if (stand_.home.parcels.size() < stand_.settings.home_room) check_drop_limits();
    check_metrics();
  }

  void check_request(const ScriptedWire::Request& request) {
    const uint64_t key = request.key.low;
    ASSERT_EQ(home_.count(key), 0u) << "a parcel that is home is not sent";
    ASSERT_EQ(request.attempt, ++attempts_[key]);
    ASSERT_GE(request.time.value, shipped_.at(key).asked_to_wait_until.value)
        << "Retry-After is honoured";
    if (request.attempt > 1) {
      ++retries_;
      return;
    }
    ASSERT_GT(key, newest_sent_) << "fresh parcels keep their order";
    newest_sent_ = key;
  }

  void check_homecoming(const Parcel& parcel) {
    const uint64_t key = parcel.key.low;
    const ShippedParcel& shipped = shipped_.at(key);
    ASSERT_TRUE(home_.insert(key).second) << "parcel " << key << " came home twice";
    ASSERT_EQ(parcel.body, nullptr);
    ASSERT_EQ(parcel.fate == Fate::kDelivered, shipped.acked);
    home_lines_[parcel.fate] += shipped.lines;
    home_bytes_[parcel.fate] += shipped.body_bytes;
    home_parcels_[parcel.fate] += 1;
    ASSERT_TRUE(parcel.fate != Fate::kDropped || stand_.gauge.drop_oldest);
    ASSERT_TRUE(parcel.fate != Fate::kUndelivered || stand_.now >= stop_deadline_);
    ASSERT_NE(parcel.fate, Fate::kOnItsWay);
  }

  void check_window() {
    const auto on_wire = static_cast<int64_t>(stand_.wire.open_count());
    ASSERT_EQ(stand_.gauge.on_wire, on_wire);
    ASSERT_LE(stand_.metrics.in_flight.get(), stand_.settings.workers);
    ASSERT_EQ(stand_.metrics.in_flight.get(), on_wire + stand_.metrics.backing_off.get());
  }

  void check_gauge() {
    int64_t lines = 0;
    int64_t bytes = 0;
    int64_t parcels = 0;
    for (const auto& [key, parcel] : shipped_) {
      if (home_.count(key) != 0) continue;
      lines += parcel.lines;
      bytes += parcel.body_bytes;
      ++parcels;
    }
    ASSERT_EQ(stand_.gauge.held_lines, lines);
    ASSERT_EQ(stand_.gauge.held_bytes, bytes);
    ASSERT_EQ(stand_.gauge.held_parcels, parcels);
    ASSERT_EQ(stand_.metrics.queue_parcels.get() + stand_.metrics.in_flight.get(), parcels);
  }

  void check_drop_limits() {
    const LaneGauge& gauge = stand_.gauge;
    const bool droppable =
        stand_.metrics.queue_parcels.get() + stand_.metrics.backing_off.get() > 0;
    if (!gauge.drop_oldest || !droppable || gauge.held_parcels <= 1) return;
    ASSERT_TRUE(gauge.lines_max == 0 || gauge.held_lines <= gauge.lines_max);
    ASSERT_LE(gauge.held_bytes, gauge.bytes_max);
    ASSERT_LT(gauge.held_parcels, gauge.parcels_max);
  }

  void check_metrics() {
    const LaneMetrics& metrics = stand_.metrics;
    ASSERT_EQ(metrics.sent_requests.get(), static_cast<int64_t>(stand_.wire.requests.size()));
    ASSERT_EQ(metrics.retries.get(), retries_);
    ASSERT_EQ(metrics.delivered_parcels.get(), home_parcels_[Fate::kDelivered]);
    ASSERT_EQ(metrics.delivered_lines.get(), home_lines_[Fate::kDelivered]);
    ASSERT_EQ(metrics.delivered_raw_bytes.get(), 10 * home_lines_[Fate::kDelivered]);
    ASSERT_EQ(metrics.delivered_encoded_bytes.get(), 17 * home_lines_[Fate::kDelivered]);
    ASSERT_EQ(metrics.delivered_body_bytes.get(), home_bytes_[Fate::kDelivered]);
    ASSERT_EQ(metrics.dropped_parcels.get(), home_parcels_[Fate::kDropped]);
    ASSERT_EQ(metrics.dropped_lines.get(), home_lines_[Fate::kDropped]);
    ASSERT_EQ(metrics.dropped_raw_bytes.get(), 10 * home_lines_[Fate::kDropped]);
    ASSERT_EQ(metrics.wire_body_bytes.get(), wire_bytes_);
    int64_t classes = 0;
    for (const Counter& status : metrics.statuses) classes += status.get();
    ASSERT_EQ(classes,
              metrics.sent_requests.get() - static_cast<int64_t>(stand_.wire.open_count()));
  }

  // In every interval no more than burst + rate * time; a single larger one may pass.
  void check_rate(RateLimit limit,
                  int64_t (*amount)(const ScriptedWire::Request&, const ShippedParcel&)) {
    if (!limit.on()) return;
    const auto& requests = stand_.wire.requests;
    for (size_t first = 0; first < requests.size(); ++first) {
      int64_t sum = 0;
      int64_t largest = limit.burst;
      for (size_t last = first; last < std::min(requests.size(), first + 40); ++last) {
        const int64_t paid = amount(requests[last], shipped_.at(requests[last].key.low));
        sum += paid;
        largest = std::max(largest, paid);
        const Duration interval = requests[last].time - requests[first].time;
        ASSERT_LE(static_cast<__int128_t>(sum - largest) * 1'000'000'000,
                  static_cast<__int128_t>(limit.per_second) * interval.value);
      }
    }
  }

  void check_end() {
    ASSERT_TRUE(stand_.lane->empty()) << "in fair weather everything comes home";
    ASSERT_EQ(home_.size(), shipped_.size());
    ASSERT_EQ(stand_.gauge.held_bytes, 0);
    const LaneSettings& settings = stand_.settings;
    check_rate(settings.rate_requests,
               [](const ScriptedWire::Request&, const ShippedParcel&) { return int64_t{1}; });
    check_rate(settings.rate_lines, [](const ScriptedWire::Request&, const ShippedParcel& parcel) {
      return parcel.lines;
    });
    check_rate(settings.rate_bytes, [](const ScriptedWire::Request&, const ShippedParcel& parcel) {
      return parcel.body_bytes;
    });
  }

  std::mt19937_64 random_;
  LaneStand stand_;
  MonoTime wanted_{0};
  MonoTime stop_deadline_ = kNever;
  int idle_turns_ = 0;

  // The ledger; parcels by key.
  std::map<uint64_t, ShippedParcel> shipped_;
  std::set<uint64_t> home_;
  std::map<uint64_t, uint32_t> attempts_;
  std::map<Fate, int64_t> home_lines_;
  std::map<Fate, int64_t> home_bytes_;
  std::map<Fate, int64_t> home_parcels_;
  uint64_t newest_sent_ = 0;
  int64_t retries_ = 0;
  int64_t answers_ = 0;
  int64_t wire_bytes_ = 0;
};

TEST(LaneProperty, BringsEveryParcelHomeOnceAndCountsItExactlyWhateverTheWorldDoes) {
  for (uint32_t seed = 1; seed <= 4000; ++seed) {
    SCOPED_TRACE(seed);
    LaneLife(seed).run();
    if (HasFatalFailure()) return;
  }
}

TEST(LaneProperty, DoesTheSameForTheSameSeed) {
  for (uint32_t seed = 1; seed <= 50; ++seed) {
    LaneLife one(seed);
    LaneLife two(seed);
    one.run();
    two.run();
    ASSERT_EQ(one.trace(), two.trace()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace sluice

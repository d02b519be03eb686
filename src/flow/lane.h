// SPDX-License-Identifier: Apache-2.0
// lane.h — the road to one destination: what is sent when, what is tried again, what comes home.
//
// In:      parcels from the shards, answers of the wire.
// Out:     every parcel comes home exactly once, with its fate and without its body: delivered,
//          dropped by the user's own overflow policy, or undelivered when the agent stops.
// Owns:    the parcels between arrival and home. The wire borrows one while its request is open.
// Thread:  one loop, a shard's or its own. turn() is the only entry while running; it never waits.
// Limits:  at most `workers` parcels on the wire or backing off, fewer on the wire if that is what
//          the destination gains from; the queue as the gauge allows, which is told twice a second
//          how much the destination takes.
//          Nothing is sent while the steward is so far behind that its channel could overflow.
//          Due retries go before fresh parcels, fresh ones keep their order. A parcel that the rate
//          limits hold back is not overtaken: a large one would starve.
// Fails:   cannot; each answer has a verdict. A body is freed before its parcel goes home, so the
//          steward's backlog costs spans and not bodies.
// Why so:  all retrying lives here. Whoever asks how often a line can reach the destination twice
//          reads send_what_may_go() and settle(), and no library. A body that is refused for what
//          it is is sent in parts, one after the other under its own permit, and comes home once,
//          whole: nobody else needs to know (lane_refused.cc).
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "flow/compress/body_cutter.h"
#include "flow/deliver/body_limit.h"
#include "flow/deliver/burial_rule.h"
#include "flow/deliver/health.h"
#include "flow/deliver/in_flight.h"
#include "flow/deliver/lane_report.h"
#include "flow/deliver/queue_bound.h"
#include "flow/deliver/retry.h"
#include "flow/deliver/send_window.h"
#include "flow/deliver/spool_road.h"
#include "flow/deliver/token_bucket.h"
#include "flow/deliver/verdict.h"
#include "sluice/channel.h"
#include "sluice/config.h"
#include "sluice/dead_letters.h"
#include "sluice/event_log.h"
#include "sluice/lane_gauge.h"
#include "sluice/metrics.h"
#include "sluice/parcel.h"
#include "sluice/spool.h"
#include "sluice/units.h"
#include "sluice/waker.h"
#include "sluice/wire.h"

namespace sluice {

struct LaneSettings {
  std::string name;            // of the destination, for events
  uint32_t home_producer = 0;  // index in the home channel
  // Parcels in the home channel above which nothing is sent or dropped. REQUIRES: the channel holds
  // this many and, for each lane that uses it, parcels_max of its gauge and one per shard.
  size_t home_room = 4096;
  int32_t workers = 4;         // requests open or backing off at most
  bool workers_adapt = false;  // as many as the destination gains from, up to `workers`
  // Raw bytes that may be delivered while an older parcel is not: after a crash they come again,
  // since positions move over contiguous bytes only. Raising it lets one slow or refused request
  // hold up the others less. Never for the sake of a parcel that is refused for what it is.
  Bytes ahead_bytes_max = Bytes::max();
  RateLimit rate_bytes;
  RateLimit rate_lines;
  RateLimit rate_requests;
  Duration retry_min_delay{100'000'000};
  Duration retry_max_delay{30'000'000'000};
  // Bodies have so many bytes before compression when nothing speaks against it.
  size_t body_bytes = size_t{512} << 10;
  // How long a record that is refused alone waits for a proof that anything at all is taken, where
  // nothing ever was; see BurialRule.
  Duration proof_patience{600'000'000'000};
  // What waits longer than this goes to the spool. Raising it writes less while a destination is
  // merely slow; lowering it leaves less to be read again, or to be lost with a deleted file, when
  // the machine goes down.
  Duration spool_after{2'000'000'000};
  SpoolMode spool = SpoolMode::kOff;  // what is in the spool is sent in any case
  // So many files that were rotated or deleted and are not read may wait for the destination. With
  // more of them the spool takes what it does not take at once, for each holds a descriptor, and
  // maybe the room of a deleted file.
  int64_t at_risk_files_max = 16;
};

// All outlive the lane.
struct LaneParts {
  Wire* wire = nullptr;
  Channel<ParcelPtr>* arriving = nullptr;
  Channel<ParcelPtr>* home = nullptr;
  LaneGauge* gauge = nullptr;
  LaneMetrics* metrics = nullptr;
  EventLog* events = nullptr;
  Waker* steward = nullptr;      // who empties `home`; null when its loop looks anyway
  BodyCutter* cutter = nullptr;  // null: bodies that are refused for what they are wait as a whole
  DeadLetters* dead = nullptr;   // null: records that are refused alone wait
  Spool* spool = nullptr;        // null: there is none
};

class Lane {
 public:
  // `seed` makes the jitter; the same seed and the same answers give the same requests.
  Lane(LaneSettings settings, const LaneParts& parts, uint64_t seed);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Does what there is to do and returns when it wants its next turn: `now` for at once, kNever for
  // "only when a parcel arrives or the wire has news". REQUIRES: `now` does not go backwards.
  MonoTime turn(MonoTime now);

  // Goes on delivering until `deadline`, then gives back the rest. Pauses are cut short once.
  // Called again with an earlier deadline it stops earlier.
  void begin_stop(MonoTime now, MonoTime deadline);
  // Ends every request and sends everything home as undelivered, what still arrives too. An answer
  // that was complete before this counts for what it says. turn() until empty().
  void give_back_all();

  // Nothing in the hands of this lane, nothing on its way from a shard.
  bool empty() const;

 private:
  // The passes of a turn.
  void take_arrivals();
  bool reap_answers(MonoTime now);
  bool send_what_may_go(MonoTime now);
  void give_back_waiting();
  void publish_gauges();

  void settle(const WireAnswer& answer, MonoTime now);
  void settle_delivered(const WireAnswer& answer, MonoTime now);

  // lane_refused.cc: bodies that are refused for what they are.
  bool can_take_apart(const WireAnswer& answer);
  void take_apart(const WireAnswer& answer, const Verdict& verdict, MonoTime now);
  bool is_oversized(const Parcel& parcel) const;
  void start_in_parts(Consignment fresh, MonoTime now);
  bool prepare_part(Consignment& one, MonoTime now);
  bool cut_part(Consignment& one, RecordRange range, MonoTime now);
  void hold_part(TakenApart& apart, ParcelPtr part);
  void bury(Consignment& one, MonoTime now);
  void finish_burial(Consignment& one, MonoTime now);
  void wait_for_proof(Consignment& one, MonoTime now);
  void take_filed(MonoTime now);
  void publish_limit();

  // lane_spool.cc: bodies that wait too long.
  void turn_spool(MonoTime now);
  MonoTime feed_spool(MonoTime now);
  void take_stored(MonoTime now);
  void settle_stored(uint64_t first);
  void pass_on_to_spool(Consignment& one, uint64_t sequence);
  void put_back_storing();
  void store_what_waits(MonoTime now);
  bool waits_too_long(const Consignment& one, MonoTime now) const;
  bool may_be_spooled(const Consignment& one) const;
  bool is_crowded() const;
  MonoTime stuck_at() const;
  void look_for_risk(MonoTime now);
  void take_fetched(MonoTime now);
  void fetch_next(MonoTime now);
  void let_go_of_spooled();
  bool live_may_go();
  bool spooled_may_go() const;
  Consignment take_spooled();
  MonoTime spool_due(MonoTime now);
  void report_spool();

  void count(const WireAnswer& answer, const Verdict& verdict);
  void schedule_retry(const WireAnswer& answer, const Verdict& verdict, MonoTime now);
  bool home_has_room() const;
  Consignment take_from_queue();
  void learn_from(const WireAnswer& answer, const Verdict& verdict, MonoTime now);
  bool send_next(MonoTime now);
  bool too_far_ahead();
  void hurry_who_is_behind(MonoTime now);
  void begin_attempt(uint64_t ticket, MonoTime now);
  bool over_limits() const;
  bool drop_oldest();
  void send_home(Consignment consignment, Fate fate);
  void end_hold(const Parcel& parcel, bool leaks);

  // Constant after construction.
  const LaneSettings settings_;
  const LaneParts parts_;
  const Retry retry_;

  // The lane's thread only.
  Jitter jitter_;
  RateLimits limits_;
  LaneReport report_;
  Health health_;
  InFlight in_flight_;
  SendWindow window_;
  QueueBound queue_bound_;
  BodyLimit body_limit_;
  BurialRule burials_;
  SpoolRoad spool_;
  bool desk_busy_ = false;
  std::deque<Consignment> queue_;  // fresh, oldest first
  int64_t queued_bytes_ = 0;
  uint64_t arrivals_ = 0;
  Bytes delivered_raw_;
  uint32_t failures_in_row_ = 0;  // since the destination last took a parcel
  MonoTime failing_since_;        // if there are any
  int64_t held_parcels_ = 0;      // in queue_ and in_flight_
  int64_t held_lines_ = 0;
  int64_t held_bytes_ = 0;
  MonoTime next_send_ = kNever;  // when send_what_may_go() could do more by itself
  MonoTime stop_deadline_ = kNever;
  bool giving_back_ = false;
  bool went_home_ = false;  // in this turn; the steward is woken once
};

}  // namespace sluice

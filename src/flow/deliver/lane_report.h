// SPDX-License-Identifier: Apache-2.0
// lane_report.h — tells the operator what happens on the road to one destination.
//
// In:      failed attempts with their verdict, outages, drops, what a stop gives back.
// Out:     events with a key per destination and kind, so that one cannot hide another.
// Owns:    the destination's name and the keys that are used often.
// Thread:  the lane's. Nothing per successful parcel.
// Limits:  repeats are summed up by the event log; every failed attempt may be reported.
// Fails:   never. The destination's own words are quoted, cut and cleaned of control characters,
//          except about credentials: there the answer may repeat the secret that it refuses.
// Why so:  an event that names no remedy makes the reader search; the remedy comes from the
//          verdict.
#pragma once

#include <string>

#include "flow/deliver/health.h"
#include "flow/deliver/verdict.h"
#include "sluice/event_log.h"
#include "sluice/parcel.h"
#include "sluice/result.h"
#include "sluice/wire.h"

namespace sluice {

class LaneReport {
 public:
  LaneReport(std::string destination, EventLog& events);

  void attempt_failed(const WireAnswer& answer, const Verdict& verdict, const Parcel& parcel,
                      Duration pause) noexcept;
  // A body is refused for what it is, and its parts are tried.
  void taken_apart(const WireAnswer& answer, const Verdict& verdict, uint32_t records) noexcept;
  void refuses_all(int32_t status, std::string_view words, const Parcel& parcel,
                   Duration pause) noexcept;
  void buried(int32_t status, const RecordPlace& place) noexcept;
  void cannot_bury(const Error& error, Duration pause) noexcept;
  void cannot_cut(const Error& error) noexcept;
  void cannot_spool(const Error& error, Duration pause) noexcept;
  void cannot_read_spool(const Error& error, Duration pause) noexcept;
  // So many lines of the spool are damaged or gone.
  void spool_lost(int64_t lines) noexcept;
  void spool_dropped(int64_t lines) noexcept;
  // From here on only so many rotated or deleted files are read, into the spool.
  void only_at_risk(int64_t files) noexcept;
  void health_changed(Health::Change change) noexcept;
  void dropped(const Parcel& parcel) noexcept;
  void gave_back(int64_t parcels, Lines lines) noexcept;

 private:
  std::string key(std::string_view kind) const;

  const std::string destination_;
  EventLog& events_;
};

// For one line of a log: at most `bytes_max` bytes, control characters become spaces.
std::string quotable(std::string_view text, size_t bytes_max);

}  // namespace sluice

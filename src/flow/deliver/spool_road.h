// SPDX-License-Identifier: Apache-2.0
// spool_road.h — what a lane knows of its way to the spool and back.
//
// In:      what is stored and fetched, by the lane.
// Out:     whose turn it is: a fresh parcel or one from the spool.
// Owns:    the parcels that are being stored, and the one that was fetched and not sent yet.
// Thread:  the lane's. Pure.
// Limits:  one write of at most kStoreParcels, one fetched parcel. Both count as held by the lane.
// Fails:   cannot.
// Why so:  the newest lines do not wait behind yesterday's: while both wait, every second request
//          is a fresh one. Only files that must stay in order know one road, the one through the
//          spool, as long as anything is in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "flow/deliver/in_flight.h"
#include "sluice/spool.h"
#include "sluice/units.h"

namespace sluice {

struct SpoolRoad {
  // Raising these makes fewer syncs of the disk and more memory that is held twice meanwhile.
  static constexpr size_t kStoreParcels = 16;
  static constexpr int64_t kStoreBytes = 1 << 20;

  bool store_busy = false;
  bool fetch_busy = false;
  bool may_hold_more = true;  // the last fetch found something, or something was stored since
  uint32_t store_failures = 0;
  uint32_t fetch_failures = 0;
  MonoTime store_after;  // pauses after failures
  MonoTime fetch_after;
  struct InHand {
    uint64_t arrival = 0;
    Lines lines;
  };
  std::vector<InHand> storing_in_hand;  // parcels that are tried meanwhile
  std::vector<Consignment> storing;     // out of the queue
  Consignment next;                     // fetched
  bool next_has_turn = false;           // before a fresh parcel
  SpoolCounts counts;                   // as of the beginning of the turn
  // The last arrival that may hold lines of files that were rotated or deleted, as may all before
  // it.
  uint64_t at_risk_until = 0;
  int64_t rotations = 0;  // as the gauge said last

  // Whether anything may be in it.
  bool holds_any() const { return counts.records > 0 || store_busy; }
};

}  // namespace sluice

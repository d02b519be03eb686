// SPDX-License-Identifier: Apache-2.0
// in_flight.h — the window of a lane: parcels on the wire or backing off, never more than permits.
//
// In:      parcels that start, the tickets of their answers, the ends of their pauses.
// Out:     which of them is due next; the parcel itself when it is done.
// Owns:    the parcels in it, one slot each, allocated once.
// Thread:  the lane's. Pure.
// Limits:  a slot per permit. A permit is held across back-off, so a dead receiver sees `workers`
//          parcels and no more, and what waits behind them stays in the queue and in its files.
//          Who waits for a proof that the destination takes anything at all holds none, or nobody
//          could bring it: up to kSpare such parcels; never more than `permits` are on the wire.
// Fails:   cannot; a ticket that nobody opened is a bug in the wire and stops the program.
// Why so:  a ticket is attempt number * slots + slot, so an answer finds its parcel without a
//          table, and one that comes twice is noticed and not taken for the slot's next request.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "flow/deliver/dissection.h"
#include "sluice/parcel.h"
#include "sluice/units.h"

namespace sluice {

// A body that is being taken apart.
struct TakenApart {
  TakenApart(uint32_t records, bool in_order, int64_t successes)
      : dissection(records, in_order, successes) {}

  Dissection dissection;
  size_t part_bytes_max = SIZE_MAX;  // larger ones were answered 413
  RecordRange sent;                  // what is sent now, or tried again
  ParcelPtr part;                    // a body of just that; null: the parcel is sent whole
  bool ready = false;                // `sent` has no final answer yet
  bool filing = false;               // its suspect is on its way to the dead letters
  bool wants_desk = false;           // somebody else's is
  bool waits_for_proof = false;      // everything of it was refused
  MonoTime held_since = kNever;      // since when it waits so
  std::string_view reason;           // of the last refusal; static storage
  std::string answer;                // its first bytes
};

// A parcel in the lane's hands.
struct Consignment {
  ParcelPtr parcel;
  uint64_t arrival = 0;    // grows with each parcel; names the oldest
  bool throttled = false;  // a rate limit made the coming attempt wait; counted already
  bool hasty = false;      // its pause may be cut short when the destination is back
  bool unwelcome = false;  // the destination refuses this very parcel
  bool storing = false;    // on its way into the spool, and tried meanwhile
  uint64_t spooled = 0;    // its sequence in the spool; 0: it is not there
  // Raw bytes that the lane had delivered when it was sent first, and when it was sent last.
  Bytes delivered_before;
  Bytes delivered_at_attempt;
  std::unique_ptr<TakenApart> apart;  // null for almost all

  // What goes on the wire for it.
  const Parcel& outgoing() const {
    return apart != nullptr && apart->part != nullptr ? *apart->part : *parcel;
  }
};

class InFlight {
 public:
  static constexpr size_t kSpare = Dissection::kSuspectsMax;

  explicit InFlight(int32_t permits);

  bool full() const;
  // No request may be opened, not even one that is due.
  bool wire_full() const { return on_wire_ >= permits_; }
  bool empty() const { return on_wire_ + backing_off_ == 0; }
  size_t on_wire() const { return on_wire_; }
  size_t backing_off() const { return backing_off_; }

  // A fresh parcel goes on the wire; the ticket of its request. REQUIRES: not full().
  uint64_t start(Consignment consignment);
  // It takes a permit, but is not sent as it is. REQUIRES: not full().
  void start_backing_off(Consignment consignment);
  // The parcel whose request this is. REQUIRES: the ticket's request is open.
  Consignment& by_ticket(uint64_t ticket);
  // Its request has failed; the parcel waits until its not_before.
  void back_off(uint64_t ticket);
  // Its request was the last one.
  Consignment finish(uint64_t ticket);

  // The parcel whose pause ends first (the older one if two end together), or null.
  Consignment* next_due();
  // It goes on the wire again. REQUIRES: next_due().
  uint64_t restart_next_due();
  // It is done without another request. REQUIRES: next_due().
  Consignment finish_next_due();
  // The parcel that arrived so; or null.
  Consignment* by_arrival(uint64_t arrival);
  // Those that are backing off, not in the spool and not taken apart, the oldest first.
  std::vector<Consignment*> spoolable();
  // Of the spooled ones, whether one holds lines of the same file as these, or cannot be asked.
  bool any_spooled_beside(const RecordTable& records) const;
  // One that is backing off and in the spool; without a parcel: there is none.
  Consignment remove_spooled();
  // Who has a letter under way; or null.
  Consignment* filing();
  // Those that wait for a proof, or for the dead letters, look again.
  void end_waits_for_proof(MonoTime now);
  void end_waits_for_desk(MonoTime now);
  // The oldest parcel that is backing off, or null; and out with it. One that is partly delivered
  // is not offered to those who want to drop it.
  const Consignment* oldest_droppable() const;
  Consignment remove_oldest_droppable();
  Consignment remove_oldest_backing_off();
  // The parcel that was sent first the longest time ago, but for unwelcome ones and those whose
  // positions have moved on; or null.
  Consignment* furthest_behind();
  // Cuts the pauses of hasty parcels short.
  void hasten(MonoTime until);

 private:
  enum class State : uint8_t { kFree, kOnWire, kBackingOff };
  struct Slot {
    State state = State::kFree;
    uint64_t ticket = 0;
    Consignment consignment;
  };

  Slot& open_slot(uint64_t ticket);
  uint64_t put_on_wire(size_t index);
  size_t find_next_due() const;
  size_t find_oldest_backing_off(bool whole) const;
  Slot& free_slot();
  Consignment take(size_t index);

  const size_t permits_;
  // Constant after construction: how many.
  std::vector<Slot> slots_;
  size_t on_wire_ = 0;
  size_t backing_off_ = 0;
  uint64_t attempts_started_ = 0;
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "flow/deliver/in_flight.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "sluice/check.h"

namespace sluice {
namespace {

size_t checked_permits(int32_t permits) {
  SLUICE_CHECK(permits > 0, "a lane without a permit never sends");
  return static_cast<size_t>(permits);
}

}  // namespace

InFlight::InFlight(int32_t permits)
    : permits_(checked_permits(permits)), slots_(permits_ + kSpare) {}

bool InFlight::full() const {
  const size_t used = on_wire_ + backing_off_;
  if (used < permits_) return false;
  if (used == slots_.size() || wire_full()) return true;
  const auto waits = std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) {
    const TakenApart* apart = slot.consignment.apart.get();
    return slot.state == State::kBackingOff && apart != nullptr && apart->waits_for_proof;
  });
  return used >= permits_ + static_cast<size_t>(waits);
}

InFlight::Slot& InFlight::free_slot() {
  SLUICE_CHECK(!full(), "a parcel starts only with a permit");
  const auto free = std::find_if(slots_.begin(), slots_.end(),
                                 [](const Slot& slot) { return slot.state == State::kFree; });
  return *free;
}

uint64_t InFlight::start(Consignment consignment) {
  SLUICE_CHECK(consignment.parcel != nullptr, "a permit is for a parcel");
  Slot& slot = free_slot();
  slot.consignment = std::move(consignment);
  return put_on_wire(static_cast<size_t>(&slot - slots_.data()));
}

void InFlight::start_backing_off(Consignment consignment) {
  Slot& slot = free_slot();
  slot.consignment = std::move(consignment);
  slot.state = State::kBackingOff;
  ++backing_off_;
}

uint64_t InFlight::put_on_wire(size_t index) {
  Slot& slot = slots_[index];
  slot.state = State::kOnWire;
  slot.ticket = ++attempts_started_ * slots_.size() + index;
  ++on_wire_;
  return slot.ticket;
}

InFlight::Slot& InFlight::open_slot(uint64_t ticket) {
  Slot& slot = slots_[ticket % slots_.size()];
  SLUICE_CHECK(slot.state == State::kOnWire && slot.ticket == ticket,
               "an answer belongs to an open request");
  return slot;
}

Consignment& InFlight::by_ticket(uint64_t ticket) {
  return open_slot(ticket).consignment;
}

void InFlight::back_off(uint64_t ticket) {
  open_slot(ticket).state = State::kBackingOff;
  --on_wire_;
  ++backing_off_;
}

Consignment InFlight::finish(uint64_t ticket) {
  Slot& slot = open_slot(ticket);
  slot.state = State::kFree;
  --on_wire_;
  return std::exchange(slot.consignment, {});
}

// slots_.size() if nothing is backing off. Windows are small, so a scan beats a heap.
size_t InFlight::find_next_due() const {
  size_t best = slots_.size();
  const auto rank = [this](size_t index) {
    const Consignment& held = slots_[index].consignment;
    return std::tuple(held.parcel->not_before, held.arrival);
  };
  for (size_t index = 0; index < slots_.size(); ++index) {
    if (slots_[index].state != State::kBackingOff) continue;
    if (best == slots_.size() || rank(index) < rank(best)) best = index;
  }
  return best;
}

size_t InFlight::find_oldest_backing_off(bool whole) const {
  size_t best = slots_.size();
  for (size_t index = 0; index < slots_.size(); ++index) {
    if (slots_[index].state != State::kBackingOff) continue;
    if (whole && slots_[index].consignment.apart != nullptr) continue;
    if (best == slots_.size() ||
        slots_[index].consignment.arrival < slots_[best].consignment.arrival) {
      best = index;
    }
  }
  return best;
}

Consignment* InFlight::next_due() {
  if (backing_off_ == 0) return nullptr;
  return &slots_[find_next_due()].consignment;
}

uint64_t InFlight::restart_next_due() {
  SLUICE_CHECK(backing_off_ > 0, "only a parcel that backs off can start again");
  --backing_off_;
  return put_on_wire(find_next_due());
}

Consignment InFlight::take(size_t index) {
  SLUICE_CHECK(index < slots_.size() && slots_[index].state == State::kBackingOff,
               "somebody is backing off");
  slots_[index].state = State::kFree;
  --backing_off_;
  return std::exchange(slots_[index].consignment, {});
}

Consignment InFlight::finish_next_due() {
  return take(find_next_due());
}

const Consignment* InFlight::oldest_droppable() const {
  const size_t index = find_oldest_backing_off(true);
  return index == slots_.size() ? nullptr : &slots_[index].consignment;
}

Consignment InFlight::remove_oldest_droppable() {
  return take(find_oldest_backing_off(true));
}

Consignment InFlight::remove_oldest_backing_off() {
  return take(find_oldest_backing_off(false));
}

Consignment* InFlight::by_arrival(uint64_t arrival) {
  for (Slot& slot : slots_) {
    if (slot.state != State::kFree && slot.consignment.arrival == arrival) return &slot.consignment;
  }
  return nullptr;
}

std::vector<Consignment*> InFlight::spoolable() {
  std::vector<Consignment*> all;
  for (Slot& slot : slots_) {
    const Consignment& held = slot.consignment;
    const bool waits = slot.state == State::kBackingOff && held.apart == nullptr;
    if (waits && held.spooled == 0 && !held.storing) all.push_back(&slot.consignment);
  }
  std::sort(all.begin(), all.end(),
            [](const auto* a, const auto* b) { return a->arrival < b->arrival; });
  return all;
}

bool InFlight::any_spooled_beside(const RecordTable& records) const {
  const auto meets = [&](const RecordTable& other) {
    if (records.runs.empty() || other.runs.empty()) return true;
    return std::any_of(other.runs.begin(), other.runs.end(), [&](const RecordRun& theirs) {
      return std::any_of(records.runs.begin(), records.runs.end(),
                         [&](const RecordRun& ours) { return ours.seed == theirs.seed; });
    });
  };
  return std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
    const Consignment& held = slot.consignment;
    return slot.state != State::kFree && held.spooled != 0 && meets(held.parcel->records);
  });
}

Consignment InFlight::remove_spooled() {
  for (size_t index = 0; index < slots_.size(); ++index) {
    const Slot& slot = slots_[index];
    if (slot.state == State::kBackingOff && slot.consignment.spooled != 0) return take(index);
  }
  return {};
}

Consignment* InFlight::filing() {
  for (Slot& slot : slots_) {
    const TakenApart* apart = slot.consignment.apart.get();
    if (apart != nullptr && apart->filing) return &slot.consignment;
  }
  return nullptr;
}

void InFlight::end_waits_for_proof(MonoTime now) {
  for (Slot& slot : slots_) {
    const TakenApart* apart = slot.consignment.apart.get();
    if (slot.state != State::kBackingOff || apart == nullptr || !apart->waits_for_proof) continue;
    slot.consignment.parcel->not_before = now;
  }
}

void InFlight::end_waits_for_desk(MonoTime now) {
  for (Slot& slot : slots_) {
    TakenApart* apart = slot.consignment.apart.get();
    if (apart != nullptr && std::exchange(apart->wants_desk, false))
      slot.consignment.parcel->not_before = now;
  }
}

Consignment* InFlight::furthest_behind() {
  Consignment* behind = nullptr;
  for (Slot& slot : slots_) {
    if (slot.state == State::kFree || slot.consignment.unwelcome) continue;
    if (slot.consignment.spooled != 0) continue;
    if (behind == nullptr || slot.consignment.delivered_before < behind->delivered_before)
      behind = &slot.consignment;
  }
  return behind;
}

void InFlight::hasten(MonoTime until) {
  for (Slot& slot : slots_) {
    if (slot.state != State::kBackingOff || !slot.consignment.hasty) continue;
    MonoTime& not_before = slot.consignment.parcel->not_before;
    not_before = std::min(not_before, until);
  }
}

}  // namespace sluice

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

InFlight::InFlight(int32_t permits) : slots_(checked_permits(permits)) {}

uint64_t InFlight::start(Consignment consignment) {
  SLUICE_CHECK(!full(), "a parcel starts only with a permit");
  SLUICE_CHECK(consignment.parcel != nullptr, "a permit is for a parcel");
  const auto free = std::find_if(slots_.begin(), slots_.end(),
                                 [](const Slot& slot) { return slot.state == State::kFree; });
  free->consignment = std::move(consignment);
  return put_on_wire(static_cast<size_t>(free - slots_.begin()));
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

size_t InFlight::find_oldest_backing_off() const {
  size_t best = slots_.size();
  for (size_t index = 0; index < slots_.size(); ++index) {
    if (slots_[index].state != State::kBackingOff) continue;
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

const Consignment* InFlight::oldest_backing_off() const {
  if (backing_off_ == 0) return nullptr;
  return &slots_[find_oldest_backing_off()].consignment;
}

Consignment InFlight::remove_oldest_backing_off() {
  SLUICE_CHECK(backing_off_ > 0, "nothing is backing off");
  Slot& slot = slots_[find_oldest_backing_off()];
  slot.state = State::kFree;
  --backing_off_;
  return std::exchange(slot.consignment, {});
}

Consignment* InFlight::furthest_behind() {
  Consignment* behind = nullptr;
  for (Slot& slot : slots_) {
    if (slot.state == State::kFree || slot.consignment.unwelcome) continue;
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

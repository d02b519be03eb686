// SPDX-License-Identifier: Apache-2.0
#include "sim_wire.h"

#include <algorithm>

#include "sluice/check.h"

namespace sluice::sim {

using namespace literals;

SimWire::SimWire(const Plan& plan, uint32_t destination, Witness& witness, Ledger& ledger,
                 const DestinationSky& sky, Dice dice)
    : plan_(plan),
      destination_(destination),
      witness_(witness),
      ledger_(ledger),
      sky_(sky),
      dice_(dice) {}

void SimWire::send(const Parcel& parcel, uint64_t ticket, MonoTime now) {
  const auto workers = static_cast<size_t>(plan_.destinations[destination_].workers);
  if (requests_.size() >= workers)
    witness_.violation("I7 BOUND", "more requests on the wire than workers");
  SLUICE_CHECK(std::none_of(requests_.begin(), requests_.end(),
                            [&](const Request& each) { return each.answer.ticket == ticket; }),
               "tickets of open requests differ");
  Request request;
  request.parcel = &parcel;
  request.answer.ticket = ticket;
  request.answer.sent_bytes = Bytes(static_cast<int64_t>(parcel.body_bytes));
  request.sent_at = now;
  request.stores_at = now + dice_.between(Duration(0), plan_.answer_delay_max);
  request.answers_at = request.stores_at + dice_.between(Duration(0), plan_.answer_delay_max);
  request.answer.status = 200;
  request.answer.body_sent = true;
  plan_answer(request);
  request.answers_at = std::max(request.answers_at, now);
  witness_.see("lane d%ld  sends ticket %ld: %ld line(s), attempt %ld", destination_,
               static_cast<int64_t>(ticket), parcel.lines.value, parcel.attempts);
  requests_.push_back(request);
}

void SimWire::fail(Request& request, TransportFailure failure) {
  request.answer.failure = failure;
  request.answer.status = 0;
  request.answer.body_sent = false;
  if (failure == TransportFailure::kTimeout)
    request.answers_at = request.sent_at + plan_.request_timeout;
}

void SimWire::refuse(Request& request, int32_t status, Rare rare) {
  request.answer.status = status;
  request.stores_at = kNever;
  witness_.saw(rare);
}

void SimWire::plan_answer(Request& request) {
  switch (sky_.weather) {
    case Weather::kRefused:
      request.stores_at = kNever;
      return fail(request, TransportFailure::kConnect);
    case Weather::kUnavailable:
      request.answer.status = 503;
      request.stores_at = kNever;
      return;
    case Weather::kThrottled:
      refuse(request, 429, Rare::kRetryAfter);
      request.answer.retry_after = dice_.one_of({0_ms, 1000_ms, 2000_ms});
      return;
    case Weather::kLockedOut:
      return refuse(request, 401, Rare::kHeld);
    case Weather::kMisrouted:
      return refuse(request, 404, Rare::kHeld);
    case Weather::kTooLarge:
      ledger_.refused(destination_, *request.parcel);
      return refuse(request, 413, Rare::kTooLarge);
    case Weather::kRefusesAll:
      ledger_.refused(destination_, *request.parcel);
      return refuse(request, 400, Rare::kTakenApart);
    case Weather::kSilent:
      if (dice_.chance(700)) request.stores_at = kNever;
      return fail(request, TransportFailure::kTimeout);
    case Weather::kFine:
    case Weather::kCount:
      break;
  }
  const int32_t refusal = ledger_.refusal(destination_, *request.parcel);
  if (refusal != 0) {
    ledger_.refused(destination_, *request.parcel);
    return refuse(request, refusal, refusal == 413 ? Rare::kTooLarge : Rare::kTakenApart);
  }
  if (faults && dice_.chance(plan_.request_fault)) plan_fault(request);
  if (!faults || plan_.nth == nullptr) return;
  if (plan_.nth->fails(Seam::kSendStored)) return fail(request, TransportFailure::kReset);
  if (!plan_.nth->fails(Seam::kSend)) return;
  request.stores_at = kNever;
  fail(request, TransportFailure::kConnect);
}

void SimWire::plan_fault(Request& request) {
  switch (dice_.below(8)) {
    case 0:  // stored, and the answer is lost
      witness_.saw(Rare::kAnswerLost);
      return fail(request,
                  dice_.chance(500) ? TransportFailure::kReset : TransportFailure::kTimeout);
    case 1:
      request.stores_at = kNever;
      return fail(request, TransportFailure::kReset);
    case 2:
      request.answer.status = dice_.one_of({500, 502, 503, 408});
      if (dice_.chance(700)) request.stores_at = kNever;
      return;
    case 3:
      refuse(request, 429, Rare::kRetryAfter);
      request.answer.retry_after = dice_.one_of({Duration(-1), 0_ms, 1000_ms});
      return;
    case 4:  // yes, before the whole body was sent: no promise
      witness_.saw(Rare::kEarlySuccess);
      request.answer.body_sent = false;
      if (dice_.chance(500)) request.stores_at = kNever;
      return;
    case 5:
      return refuse(request, dice_.one_of({301, 302, 307, 308}), Rare::kRedirected);
    case 6:
      return refuse(request, dice_.one_of({206, 207, 260}), Rare::kPartlyTaken);
    default:  // other successes
      request.answer.status = dice_.one_of({201, 202, 204});
      return;
  }
}

void SimWire::store(Request& request) {
  request.stores_at = kNever;
  witness_.see("receiver d%ld stores ticket %ld: %ld line(s)", destination_,
               static_cast<int64_t>(request.answer.ticket), request.parcel->lines.value);
  ledger_.stored(destination_, *request.parcel);
}

void SimWire::work() {
  for (Request& request : requests_) {
    if (request.stores_at <= witness_.now) store(request);
  }
}

MonoTime SimWire::next_event() const {
  MonoTime next = kNever;
  for (const Request& request : requests_) next = std::min(next, request.answers_at);
  return next;
}

MonoTime SimWire::turn(MonoTime) {
  work();
  return kNever;  // answers end the wait by themselves
}

size_t SimWire::reap(std::span<WireAnswer> answers) {
  size_t count = 0;
  for (auto it = requests_.begin(); it != requests_.end() && count < answers.size();) {
    if (it->answers_at > witness_.now) {
      ++it;
      continue;
    }
    if (it->stores_at <= witness_.now) store(*it);
    WireAnswer& answer = it->answer;
    answer.took = witness_.now - it->sent_at;
    witness_.see("lane d%ld  learns of ticket %ld: status %ld, failure %ld", destination_,
                 static_cast<int64_t>(answer.ticket), answer.status,
                 static_cast<int64_t>(answer.failure));
    const bool success = answer.failure == TransportFailure::kNone && answer.status >= 200 &&
                         answer.status <= 205 && answer.body_sent;
    if (success && witness_.good()) ledger_.acked(destination_, *it->parcel);
    answers[count++] = answer;
    it = requests_.erase(it);
  }
  return count;
}

void SimWire::abandon_all() {
  work();
  for (Request& request : requests_) {
    if (request.answers_at <= witness_.now) continue;  // was complete before
    if (request.stores_at != kNever && dice_.chance(500)) store(request);
    request.stores_at = kNever;
    fail(request, TransportFailure::kAbandoned);
    request.answers_at = witness_.now;
  }
}

void SimWire::agent_died() {
  for (Request& request : requests_) {
    if (request.stores_at != kNever && dice_.chance(500)) store(request);
  }
  requests_.clear();
}

}  // namespace sluice::sim

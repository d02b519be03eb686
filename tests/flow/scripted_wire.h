// SPDX-License-Identifier: Apache-2.0
// scripted_wire.h — a destination in memory: records what was asked, answers when the test says so.
//
// In:      requests of the lane under test; answers chosen by the test, in any order.
// Out:     the answers, at the next reap(); the list of all requests ever made.
// Owns:    a copy of each open request's body, compared when it is answered: a parcel that changes
//          or is freed while it is on the wire is found.
// Limits:  misuse by the lane (a ticket twice, a parcel twice) stops the test program.
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/check.h"
#include "sluice/wire.h"

namespace sluice {

inline WireAnswer status_answer(int32_t status) {
  WireAnswer answer;
  answer.status = status;
  answer.body_sent = true;
  return answer;
}

inline WireAnswer failed_answer(TransportFailure failure) {
  WireAnswer answer;
  answer.failure = failure;
  return answer;
}

class ScriptedWire final : public Wire {
 public:
  struct Request {
    uint64_t ticket = 0;
    Digest128 key;
    uint32_t attempt = 0;
    Lines lines;
    MonoTime time;
  };

  // All requests ever, oldest first.
  std::vector<Request> requests;
  // The lane is asked to come back then.
  MonoTime wants = kNever;

  size_t open_count() const { return open_.size(); }
  // Tickets of open requests, in the order in which they were sent.
  std::vector<uint64_t> open_tickets() const {
    std::vector<uint64_t> tickets;
    for (const auto& [ticket, request] : open_) tickets.push_back(ticket);
    return tickets;
  }
  const Parcel& parcel_of(uint64_t ticket) const { return *open_.at(ticket).parcel; }

  // The destination's answer to an open request. A request body that was sent is accounted for.
  void answer(uint64_t ticket, WireAnswer answer) {
    const auto found = open_.find(ticket);
    SLUICE_CHECK(found != open_.end(), "the test answers an open request");
    const std::span<const std::byte> now = found->second.parcel->bytes();
    SLUICE_CHECK(
        std::equal(now.begin(), now.end(), found->second.body.begin(), found->second.body.end()),
        "a body does not change while it is on the wire");
    answer.ticket = ticket;
    if (answer.body_sent) answer.sent_bytes = Bytes(static_cast<int64_t>(now.size()));
    open_.erase(found);
    answers_.push_back(answer);
  }
  void answer_oldest(const WireAnswer& with) { answer(open_.begin()->first, with); }

  void send(const Parcel& parcel, uint64_t ticket, MonoTime now) override {
    SLUICE_CHECK(open_.count(ticket) == 0, "a ticket is open once");
    for (const auto& [other, request] : open_) {
      SLUICE_CHECK(request.parcel != &parcel, "a parcel is on the wire once");
    }
    const std::span<const std::byte> body = parcel.bytes();
    open_[ticket] = {&parcel, std::vector<std::byte>(body.begin(), body.end())};
    requests.push_back({ticket, parcel.key, parcel.attempts, parcel.lines, now});
  }
  MonoTime turn(MonoTime) override { return wants; }
  size_t reap(std::span<WireAnswer> into) override {
    const size_t count = std::min(into.size(), answers_.size());
    for (size_t i = 0; i < count; ++i) {
      into[i] = answers_.front();
      answers_.pop_front();
    }
    return count;
  }
  void abandon_all() override {
    while (!open_.empty()) answer_oldest(failed_answer(TransportFailure::kAbandoned));
  }

 private:
  struct OpenRequest {
    const Parcel* parcel = nullptr;
    std::vector<std::byte> body;
  };

  std::map<uint64_t, OpenRequest> open_;  // tickets grow with time
  std::deque<WireAnswer> answers_;
};

}  // namespace sluice

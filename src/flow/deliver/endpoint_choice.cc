// SPDX-License-Identifier: Apache-2.0
#include "flow/deliver/endpoint_choice.h"

#include <algorithm>
#include <utility>

#include "sluice/check.h"

namespace sluice {
namespace {

// No byte of a body has left: the next endpoint can have it without a doubt, and trying this one
// again would cost each request its connect timeout.
bool was_not_reached(const WireAnswer& answer) {
  return answer.failure == TransportFailure::kResolve ||
         answer.failure == TransportFailure::kConnect || answer.failure == TransportFailure::kTls ||
         answer.failure == TransportFailure::kCertificate;
}

// Between half of it and all of it, or agents that were started together would ask together.
Duration jittered(Duration pause, uint64_t random) {
  const int64_t half = pause.value / 2;
  return Duration(half + static_cast<int64_t>(random % static_cast<uint64_t>(half + 1)));
}

}  // namespace

EndpointChoice::EndpointChoice(size_t endpoints, EndpointBalance balance, uint64_t seed)
    : balance_(balance), endpoints_(endpoints), last_(endpoints - 1), jitter_(seed) {
  SLUICE_CHECK(endpoints >= 1, "a destination has an endpoint");
}

bool EndpointChoice::may_try(const Endpoint& endpoint, MonoTime now) const {
  return endpoint.given_up && endpoint.open == 0 && endpoint.try_at <= now;
}

size_t EndpointChoice::choose(MonoTime now) {
  size_t chosen = endpoints_.size();
  for (size_t i = 0; i < endpoints_.size() && chosen == endpoints_.size(); ++i) {
    const bool preferred = balance_ == EndpointBalance::kFailover && !endpoints_[i].given_up;
    if (preferred || may_try(endpoints_[i], now)) chosen = i;
  }
  if (chosen == endpoints_.size()) chosen = healthy() > 0 ? least_busy() : first_to_try();
  ++endpoints_[chosen].open;
  last_ = chosen;
  return chosen;
}

// From the one behind the last on, so that endpoints that are equally busy take turns.
size_t EndpointChoice::least_busy() const {
  size_t best = endpoints_.size();
  for (size_t k = 1; k <= endpoints_.size(); ++k) {
    const size_t i = (last_ + k) % endpoints_.size();
    if (endpoints_[i].given_up) continue;
    if (best == endpoints_.size() || endpoints_[i].open < endpoints_[best].open) best = i;
  }
  return best;
}

size_t EndpointChoice::first_to_try() const {
  const auto first =
      std::min_element(endpoints_.begin(), endpoints_.end(),
                       [](const Endpoint& a, const Endpoint& b) { return a.try_at < b.try_at; });
  return static_cast<size_t>(first - endpoints_.begin());
}

EndpointChoice::Change EndpointChoice::answered(size_t endpoint, const WireAnswer& answer,
                                                const Verdict& verdict, MonoTime now) {
  Endpoint& one = endpoints_[endpoint];
  SLUICE_CHECK(one.open > 0, "an answer has a request");
  --one.open;
  if (answer.failure == TransportFailure::kAbandoned) return Change::kNone;
  if (verdict.delivered() || verdict.subject == Verdict::Subject::kParcel) {
    one.failures = 0;
    if (!one.given_up) return Change::kNone;
    one.given_up = false;
    return Change::kCameBack;
  }
  const bool at_once = was_not_reached(answer) || verdict.kind == Verdict::Kind::kHold ||
                       verdict.retry_after > Duration(0);
  return failed(one, at_once, verdict.retry_after, now);
}

EndpointChoice::Change EndpointChoice::failed(Endpoint& endpoint, bool at_once,
                                              Duration retry_after, MonoTime now) {
  // Requests that were open when it was given up say nothing new.
  if (endpoint.given_up && endpoint.try_at > now) return Change::kNone;
  endpoint.failures = next_attempt(endpoint.failures);
  if (at_once) endpoint.failures = std::max(endpoint.failures, kFailuresInRow);
  if (endpoint.failures < kFailuresInRow) return Change::kNone;
  Duration pause = kFirstPause;
  for (uint32_t i = kFailuresInRow; i < endpoint.failures && pause < kLongestPause; ++i) {
    pause = std::min(pause * 2, kLongestPause);
  }
  endpoint.try_at = now + std::max(jittered(pause, jitter_.next()), retry_after);
  return std::exchange(endpoint.given_up, true) ? Change::kNone : Change::kGivenUp;
}

size_t EndpointChoice::healthy() const {
  return static_cast<size_t>(std::count_if(endpoints_.begin(), endpoints_.end(),
                                           [](const Endpoint& one) { return !one.given_up; }));
}

}  // namespace sluice

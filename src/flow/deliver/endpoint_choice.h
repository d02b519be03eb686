// SPDX-License-Identifier: Apache-2.0
// endpoint_choice.h — which of a destination's endpoints gets the next request.
//
// In:      for each request that is sent: where; for each answer: from where, and its verdict.
// Out:     the endpoint for the next request; when one is given up, and when it is back.
// Owns:    a few numbers per endpoint. Thread: the lane's. Pure: time comes in.
// Limits:  an endpoint is given up (its circuit opens) after kFailuresInRow failures, at once when
//          it cannot be reached at all, names a time to come back, or refuses what only a person
//          can mend. Then one request at a time tries it again after a pause that doubles from
//          kFirstPause to kLongestPause; the first that it takes brings it back.
// Fails:   cannot. With all of them given up the one whose pause ends first is asked, at the pace
//          of the lane's retries, so nothing is worse than with one endpoint.
// Why so:  a request that is refused for its body says nothing about the endpoint, and an endpoint
//          that fails says nothing about the others. Both are told apart by the verdict, so that
//          there is one rule book and not two.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "flow/deliver/retry.h"
#include "flow/deliver/verdict.h"
#include "sluice/config.h"
#include "sluice/units.h"
#include "sluice/wire.h"

namespace sluice {

class EndpointChoice {
 public:
  static constexpr uint32_t kFailuresInRow = 3;
  static constexpr Duration kFirstPause{1'000'000'000};
  static constexpr Duration kLongestPause{60'000'000'000};
  enum class Change : uint8_t { kNone, kGivenUp, kCameBack };

  // REQUIRES: endpoints >= 1. `seed` makes the jitter.
  EndpointChoice(size_t endpoints, EndpointBalance balance, uint64_t seed);

  // The endpoint for a request that is sent now; it counts as open until answered().
  size_t choose(MonoTime now);
  // REQUIRES: a request to `endpoint` was open.
  Change answered(size_t endpoint, const WireAnswer& answer, const Verdict& verdict, MonoTime now);

  size_t healthy() const;
  bool is_healthy(size_t endpoint) const { return !endpoints_[endpoint].given_up; }

 private:
  struct Endpoint {
    size_t open = 0;
    uint32_t failures = 0;  // in a row
    bool given_up = false;
    MonoTime try_at;  // while given up
  };

  bool may_try(const Endpoint& endpoint, MonoTime now) const;
  size_t least_busy() const;
  size_t first_to_try() const;
  Change failed(Endpoint& endpoint, bool at_once, Duration retry_after, MonoTime now);

  const EndpointBalance balance_;
  std::vector<Endpoint> endpoints_;
  size_t last_ = 0;  // chosen
  Jitter jitter_;
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// wires.h — the road of a destination's requests: one wire per endpoint, and one for all of them.
//
// In:      a destination as configured.
// Out:     a wire; or what is wrong with its settings.
// Owns:    nothing; the caller owns the wire, which borrows the poller, the clock, the log and the
//          metrics.
// Thread:  that of the loop that will use it.
// Limits:  as CurlWire's, for each endpoint: an endpoint that is used takes memory for `workers`.
// Fails:   a Result that names the setting.
// Why so:  lanes and the replay of dead letters go the same road, or what one delivers the other
//          could not.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "platform/curl_wire.h"
#include "sluice/event_log.h"
#include "sluice/metrics.h"
#include "sluice/wire.h"

namespace sluice {

struct WirePlan {
  std::string destination;
  std::vector<CurlWireSettings> endpoints;
  EndpointBalance balance = EndpointBalance::kFailover;
  uint64_t seed = 0;
};

WirePlan wire_plan(const DestinationConfig& destination, uint64_t seed);

Result<std::unique_ptr<Wire>> make_wire(const WirePlan& plan, FdPoller& poller, Clock& clock,
                                        EventLog& events, LaneMetrics& metrics);

}  // namespace sluice

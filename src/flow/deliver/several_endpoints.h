// SPDX-License-Identifier: Apache-2.0
// several_endpoints.h — one wire out of several: the endpoints of one destination.
//
// In:      parcels of the lane; a wire and a name (for events) per endpoint.
// Out:     the answers, as if there were one endpoint; an event and a count when an endpoint is
//          given up or comes back.
// Owns:    the wires. Borrows the event log and the metrics.
// Thread:  the lane's.
// Limits:  no request is sent twice here: a failed one is answered with its failure, and the lane
//          sends it again when it thinks fit, to whatever endpoint is chosen then. All requests of
//          the lane may be open at one endpoint. A Retry-After is kept from the lane while another
//          endpoint is there to be asked.
// Fails:   cannot.
// Why so:  retries, limits, pauses and positions belong to the destination and stay in the lane,
//          which does not know how many endpoints there are.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flow/deliver/endpoint_choice.h"
#include "sluice/event_log.h"
#include "sluice/metrics.h"
#include "sluice/wire.h"

namespace sluice {

struct NamedWire {
  std::string name;  // the URL, without credentials
  std::unique_ptr<Wire> wire;
};

class SeveralEndpoints final : public Wire {
 public:
  SeveralEndpoints(std::string destination, std::vector<NamedWire> wires, EndpointChoice choice,
                   EventLog& events, LaneMetrics& metrics);

  void send(const Parcel& parcel, uint64_t ticket, MonoTime now) override;
  MonoTime turn(MonoTime now) override;
  size_t reap(std::span<WireAnswer> answers) override;
  void abandon_all() override;

 private:
  void learn(size_t endpoint, WireAnswer& answer);
  void report(size_t endpoint, EndpointChoice::Change change, const Verdict& verdict);

  const std::string destination_;
  std::vector<NamedWire> wires_;
  EndpointChoice choice_;
  EventLog& events_;
  LaneMetrics& metrics_;
  MonoTime now_;  // of the last call that told it
};

}  // namespace sluice

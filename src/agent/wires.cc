// SPDX-License-Identifier: Apache-2.0
#include "agent/wires.h"

#include <utility>

#include "flow/deliver/several_endpoints.h"

namespace sluice {
namespace {

CurlWireSettings wire_settings(const DestinationConfig& destination, const std::string& endpoint) {
  CurlWireSettings wire;
  wire.endpoint = endpoint;
  wire.headers.assign(destination.headers.begin(), destination.headers.end());
  wire.auth = destination.auth;
  wire.http_version = destination.http_version;
  wire.tls = destination.tls;
  wire.proxy = destination.proxy;
  wire.no_proxy = destination.no_proxy;
  wire.request_timeout = destination.request_timeout;
  wire.connect_timeout = destination.connect_timeout;
  wire.window = static_cast<size_t>(destination.most_workers());
  wire.connections_max = wire.window;
  return wire;
}

}  // namespace

WirePlan wire_plan(const DestinationConfig& destination, uint64_t seed) {
  WirePlan plan;
  plan.destination = destination.name;
  plan.balance = destination.balance;
  plan.seed = seed;
  for (const std::string& endpoint : destination.endpoints) {
    plan.endpoints.push_back(wire_settings(destination, endpoint));
  }
  return plan;
}

Result<std::unique_ptr<Wire>> make_wire(const WirePlan& plan, FdPoller& poller, Clock& clock,
                                        EventLog& events, LaneMetrics& metrics) {
  std::vector<NamedWire> wires;
  for (const CurlWireSettings& settings : plan.endpoints) {
    Result<std::unique_ptr<CurlWire>> wire = CurlWire::create(settings, poller, clock);
    if (!wire) return wire.error();
    wires.push_back({settings.endpoint, std::move(wire).value()});
  }
  metrics.endpoints.set(static_cast<int64_t>(wires.size()));
  metrics.endpoints_healthy.set(static_cast<int64_t>(wires.size()));
  if (wires.size() == 1) return std::move(wires.front().wire);
  EndpointChoice choice(wires.size(), plan.balance, plan.seed);
  return std::unique_ptr<Wire>(std::make_unique<SeveralEndpoints>(
      plan.destination, std::move(wires), std::move(choice), events, metrics));
}

}  // namespace sluice

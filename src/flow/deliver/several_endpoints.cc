// SPDX-License-Identifier: Apache-2.0
#include "flow/deliver/several_endpoints.h"

#include <algorithm>
#include <utility>

namespace sluice {

SeveralEndpoints::SeveralEndpoints(std::string destination, std::vector<NamedWire> wires,
                                   EndpointChoice choice, EventLog& events, LaneMetrics& metrics)
    : destination_(std::move(destination)),
      wires_(std::move(wires)),
      choice_(std::move(choice)),
      events_(events),
      metrics_(metrics) {
  metrics_.endpoints_healthy.set(static_cast<int64_t>(wires_.size()));
}

void SeveralEndpoints::send(const Parcel& parcel, uint64_t ticket, MonoTime now) {
  now_ = now;
  wires_[choice_.choose(now)].wire->send(parcel, ticket, now);
}

MonoTime SeveralEndpoints::turn(MonoTime now) {
  now_ = now;
  MonoTime next = kNever;
  for (const NamedWire& each : wires_) next = std::min(next, each.wire->turn(now));
  return next;
}

size_t SeveralEndpoints::reap(std::span<WireAnswer> answers) {
  size_t count = 0;
  for (size_t i = 0; i < wires_.size() && count < answers.size(); ++i) {
    const size_t more = wires_[i].wire->reap(answers.subspan(count));
    for (size_t k = 0; k < more; ++k) learn(i, answers[count + k]);
    count += more;
  }
  return count;
}

void SeveralEndpoints::abandon_all() {
  for (const NamedWire& each : wires_) each.wire->abandon_all();
}

void SeveralEndpoints::learn(size_t endpoint, WireAnswer& answer) {
  const Verdict verdict = judge(answer);
  const auto change = choice_.answered(endpoint, answer, verdict, now_);
  if (choice_.healthy() > 0) answer.retry_after = Duration(-1);
  if (change == EndpointChoice::Change::kNone) return;
  metrics_.endpoints_healthy.set(static_cast<int64_t>(choice_.healthy()));
  report(endpoint, change, verdict);
}

void SeveralEndpoints::report(size_t endpoint, EndpointChoice::Change change,
                              const Verdict& verdict) {
  const std::string& name = wires_[endpoint].name;
  const std::string left = std::to_string(choice_.healthy());
  if (change == EndpointChoice::Change::kCameBack) {
    events_.event(Severity::kInfo, "endpoint_back." + name, "an endpoint takes requests again",
                  {{"destination", destination_}, {"endpoint", name}, {"healthy", left}});
    return;
  }
  metrics_.endpoints_given_up.add();
  events_.event(
      Severity::kWarning, "endpoint_given_up." + name,
      "an endpoint takes no requests; the others get them: " + std::string(verdict.remedy),
      {{"destination", destination_},
       {"endpoint", name},
       {"reason", verdict.key},
       {"healthy", left}});
}

}  // namespace sluice

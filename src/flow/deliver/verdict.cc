// SPDX-License-Identifier: Apache-2.0
#include "flow/deliver/verdict.h"

#include <array>

#include "sluice/check.h"
#include "sluice/planted.h"

namespace sluice {
namespace {

using Kind = Verdict::Kind;
using Subject = Verdict::Subject;

struct StatusRule {
  int32_t first;
  int32_t last;
  Kind kind;
  Subject subject;
  std::string_view key;
  std::string_view remedy;
};

// The first row that matches counts.
constexpr std::array kStatusRules = {
    StatusRule{200, 205, Kind::kDelivered, Subject::kParcel, "delivered", ""},
    // 206, 207, Loki's 260 ("ingestion is blocked"): parts may be missing, and who says "delivered"
    // to that loses lines.
    StatusRule{206, 299, Kind::kHold, Subject::kDestination, "unclear_success",
               "the answer does not say that the whole request was taken (only 200 to 205 do); "
               "check that `endpoint` is the ingest route of the destination"},
    StatusRule{300, 399, Kind::kHold, Subject::kDestination, "redirected",
               "the destination points elsewhere and redirects are not followed; put the final "
               "address into `endpoint`"},
    StatusRule{401, 401, Kind::kHold, Subject::kDestination, "credentials",
               "the destination does not accept the credentials; check `headers` of this "
               "destination (Authorization or API key)"},
    StatusRule{403, 403, Kind::kHold, Subject::kDestination, "credentials",
               "the destination forbids this; check `headers` of this destination and what its "
               "credentials may do"},
    StatusRule{407, 407, Kind::kHold, Subject::kDestination, "credentials",
               "a proxy on the way asks for credentials; check `proxy_username` and "
               "`proxy_password`, or reach the destination without it (`proxy: off`)"},
    StatusRule{404, 404, Kind::kHold, Subject::kDestination, "route",
               "the destination does not know this path; check the path in `endpoint`"},
    StatusRule{410, 410, Kind::kHold, Subject::kDestination, "route",
               "this path is gone for good; check the path in `endpoint`"},
    StatusRule{405, 405, Kind::kHold, Subject::kDestination, "route",
               "the destination takes no POST at this path; check the path in `endpoint`"},
    StatusRule{
        501, 501, Kind::kHold, Subject::kDestination, "route",
        "the destination cannot do what was asked; check that `endpoint` is an ingest route"},
    StatusRule{411, 411, Kind::kHold, Subject::kDestination, "format",
               "the destination or a proxy does not take this form of request; check `endpoint`"},
    StatusRule{415, 415, Kind::kHold, Subject::kDestination, "format",
               "the destination does not take this kind of body; check `framing` and "
               "`compression`"},
    StatusRule{431, 431, Kind::kHold, Subject::kDestination, "format",
               "the request headers are too large for the destination; shorten `headers`"},
    StatusRule{408, 408, Kind::kRetry, Subject::kDestination, "failing",
               "the destination gave up waiting for the request; it may be overloaded"},
    StatusRule{421, 421, Kind::kRetry, Subject::kDestination, "failing",
               "the request reached a server that is not responsible; check the host in "
               "`endpoint` if it lasts"},
    StatusRule{425, 425, Kind::kRetry, Subject::kDestination, "failing",
               "the destination wants the request again later"},
    StatusRule{429, 429, Kind::kRetry, Subject::kDestination, "throttled",
               "the destination asks for fewer requests; set `rate-bytes`, `rate-lines` or "
               "`rate-requests`, or raise its limit"},
    StatusRule{413, 413, Kind::kSplit, Subject::kParcel, "too_large",
               "the request is too large for the destination; it is sent in parts. Raise the body "
               "limit of the destination, or lower `batch-bytes`"},
    StatusRule{400, 400, Kind::kDissect, Subject::kParcel, "refused",
               "the destination refuses this request; it is sent in parts to find the lines that "
               "it does not take. If it takes none, see its answer, its log and `framing`"},
    StatusRule{422, 422, Kind::kDissect, Subject::kParcel, "refused",
               "the destination understands this request and refuses lines of it; it is sent in "
               "parts to find them. See its answer and its log"},
    StatusRule{400, 499, Kind::kHold, Subject::kParcel, "refused",
               "the destination refuses this request; see its answer and its log"},
    StatusRule{503, 503, Kind::kRetry, Subject::kDestination, "failing",
               "the destination is not available at the moment"},
    StatusRule{500, 599, Kind::kRetry, Subject::kDestination, "failing",
               "the destination or a proxy fails; see its log"},
};

constexpr StatusRule kNoFinalStatus{
    0,
    0,
    Kind::kRetry,
    Subject::kDestination,
    "protocol",
    "the answer has no final HTTP status; check that `endpoint` speaks HTTP"};

constexpr StatusRule kEarlySuccess{
    200,
    299,
    Kind::kRetry,
    Subject::kDestination,
    "early",
    "the destination said yes before it had the whole request, which is no promise for the rest"};

struct FailureRule {
  TransportFailure failure;
  Kind kind;
  std::string_view key;
  std::string_view remedy;
};

// Each may pass by itself, TLS too: a server that restarts breaks handshakes. A certificate that is
// not accepted does not: nobody's third attempt makes it valid, and a person has to hear of it.
constexpr std::array kFailureRules = {
    FailureRule{TransportFailure::kResolve, Kind::kRetry, "unreachable",
                "the name of the destination does not resolve; check the host in `endpoint` and "
                "the name server"},
    FailureRule{TransportFailure::kConnect, Kind::kRetry, "unreachable",
                "no connection to the destination; check that it runs, and host and port in "
                "`endpoint`"},
    FailureRule{TransportFailure::kTls, Kind::kRetry, "tls",
                "the TLS handshake breaks; check that the port of `endpoint` speaks TLS, and the "
                "versions on both sides (`tls-min-version`)"},
    FailureRule{TransportFailure::kCertificate, Kind::kHold, "certificate",
                "no certificate that both sides accept, and nothing is sent without; check the "
                "destination's (name, dates, authority: `tls-ca`) and the agent's own "
                "(`tls-cert`, `tls-key`)"},
    FailureRule{TransportFailure::kTimeout, Kind::kRetry, "timeout",
                "no answer in time; the destination is slow or silent, or `request-timeout` is "
                "too short"},
    FailureRule{TransportFailure::kReset, Kind::kRetry, "broken",
                "the connection broke under the request; see the log of the destination if it "
                "lasts"},
    FailureRule{TransportFailure::kProtocol, Kind::kRetry, "protocol",
                "the destination does not speak HTTP as it should; check scheme and port in "
                "`endpoint`"},
    FailureRule{TransportFailure::kAbandoned, Kind::kRetry, "abandoned",
                "the request was given up because the agent stops"},
};

Verdict by_status(const StatusRule& rule, Duration retry_after) {
  return {rule.kind, rule.subject, retry_after, rule.key, rule.remedy};
}

const StatusRule& rule_for(const WireAnswer& answer) {
  const int32_t hundreds = answer.status / 100;
  if (planted(Planted::kDropOn4xx) && hundreds == 4) return kStatusRules.front();
  if (planted(Planted::kAny2xxIsSuccess) && hundreds == 2) return kStatusRules.front();
  if (planted(Planted::kRedirectIsSuccess) && hundreds == 3) return kStatusRules.front();
  const bool early = !answer.body_sent && !planted(Planted::kEarlySuccessCounts);
  if (answer.status >= 200 && answer.status <= 299 && early) return kEarlySuccess;
  for (const StatusRule& rule : kStatusRules) {
    if (answer.status >= rule.first && answer.status <= rule.last) return rule;
  }
  return kNoFinalStatus;
}

}  // namespace

Verdict judge(const WireAnswer& answer) {
  if (answer.failure == TransportFailure::kNone) {
    return by_status(rule_for(answer), answer.retry_after);
  }
  for (const FailureRule& rule : kFailureRules) {
    if (rule.failure == answer.failure) {
      return {rule.kind, Subject::kDestination, Duration(-1), rule.key, rule.remedy};
    }
  }
  SLUICE_CHECK(false, "each transport failure has a rule");
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// fault_plan.h — which request is to suffer what, decided by a seed.
//
// In:      rules in text, a seed, requests in the order of their arrival.
// Out:     a decision per request; for outages, whether now is one and when that changes. Grammar:
//          KIND[=VALUE][,retry-after=SECONDS][:PROBABILITY]       (probability 1 when not given)
//          status=503:0.1               answer 503, store nothing status=429,retry-after=2:0.05
//          the same with a Retry-After header; the order of status=429:0.05,retry-after=2
//          probability and option does not matter delay=200ms:0.3              store, answer late
//          hang:0.01                    store nothing, never answer reset:0.05
//          reset the connection: half of them before storing (as if in the body), half after
//          storing (in the response) reset=body:0.05  reset=response:0.05    only the one or the
//          other outage=10s+5s                from 10 s after start, for 5 s: open connections are
//          reset, new ones refused
//          larger=2000                  413 for bodies of more bytes on the wire
//          poison=TOKEN                 400 for bodies that hold this text, once unpacked
// Owns:    the rules and a generator of random numbers.
// Thread:  one.
// Why so:  every rule draws for every request, hit or not, so that adding one rule does not move
//          the decisions of another. The first rule that ends a request wins; delays add to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "receive/seeded_random.h"
#include "sluice/units.h"

namespace sluice {

enum class FaultKind : uint8_t {
  kStatus,
  kDelay,
  kHang,
  kReset,
  kResetBody,
  kResetResponse,
  kOutage,
  kLarger,
  kPoison
};

struct FaultRule {
  FaultKind kind = FaultKind::kStatus;
  double probability = 1;
  int status = 0;
  std::optional<int> retry_after_s;
  Duration delay;
  Duration outage_begin, outage_length;
  size_t bytes_max = 0;  // larger
  std::string token;     // poison
};

// The rule, or what is wrong with its text.
std::variant<FaultRule, std::string> read_fault_rule(std::string_view text);

// Whether a rule is about this very body: as it came, and unpacked.
bool is_too_large(const std::vector<FaultRule>& rules, size_t wire_bytes);
bool is_poisoned(const std::vector<FaultRule>& rules, std::string_view text);

struct FaultDecision {
  enum class End : uint8_t { kNone, kStatus, kHang, kResetBody, kResetResponse };
  End end = End::kNone;
  int status = 0;
  std::optional<int> retry_after_s;
  Duration delay;

  bool is_fault() const { return end != End::kNone || delay.value != 0; }
};

class FaultPlan {
 public:
  FaultPlan(std::vector<FaultRule> rules, uint64_t seed);

  FaultDecision decide();

  bool is_outage(Duration since_start) const;
  // The time until is_outage() may change; nothing when it never will again.
  std::optional<Duration> until_outage_change(Duration since_start) const;

 private:
  std::vector<FaultRule> rules_;
  SeededRandom random_;
};

}  // namespace sluice

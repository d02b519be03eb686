// SPDX-License-Identifier: Apache-2.0
#include "receive/fault_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "receive/amounts.h"

namespace sluice {
namespace {

template <class T>
bool read_number(std::string_view text, T* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

// Empty, or what is wrong.
std::string read_kind(std::string_view kind, std::string_view value, FaultRule* rule) {
  if (kind == "status") {
    rule->kind = FaultKind::kStatus;
    if (!read_number(value, &rule->status) || rule->status < 200 || rule->status > 599) {
      return "status needs a number from 200 to 599, as in status=503:0.1";
    }
  } else if (kind == "delay") {
    rule->kind = FaultKind::kDelay;
    const auto delay = read_duration_text(value);
    if (!delay) return "delay needs a duration, as in delay=200ms:0.3";
    rule->delay = *delay;
  } else if (kind == "hang") {
    rule->kind = FaultKind::kHang;
    if (!value.empty()) return "hang takes no value, only a probability, as in hang:0.01";
  } else if (kind == "reset") {
    if (!value.empty() && value != "body" && value != "response") {
      return "reset is one of reset, reset=body, reset=response";
    }
    rule->kind = value == "body"       ? FaultKind::kResetBody
                 : value == "response" ? FaultKind::kResetResponse
                                       : FaultKind::kReset;
  } else if (kind == "outage") {
    rule->kind = FaultKind::kOutage;
    const size_t plus = value.find('+');
    const auto begin = read_duration_text(value.substr(0, plus));
    const auto length =
        plus == std::string_view::npos ? std::nullopt : read_duration_text(value.substr(plus + 1));
    if (!begin || !length) return "outage needs begin and length, as in outage=10s+5s";
    rule->outage_begin = *begin;
    rule->outage_length = *length;
  } else if (kind == "larger") {
    rule->kind = FaultKind::kLarger;
    if (!read_number(value, &rule->bytes_max)) return "larger needs bytes, as in larger=2000";
  } else if (kind == "poison") {
    rule->kind = FaultKind::kPoison;
    if (value.empty()) return "poison needs a text, as in poison=BAD";
    rule->token = value;
  } else {
    return "the kinds are status, delay, hang, reset, outage, larger and poison";
  }
  return {};
}

// One ":0.1" or ",retry-after=2" after the kind.
std::string read_modifier(char mark, std::string_view text, FaultRule* rule) {
  constexpr std::string_view kRetryAfter = "retry-after=";
  if (mark == ':') {
    if (!read_number(text, &rule->probability) || rule->probability < 0 || rule->probability > 1) {
      return "the probability after ':' is a number from 0 to 1";
    }
    return rule->kind == FaultKind::kOutage ? "an outage has no probability" : "";
  }
  int seconds = 0;
  if (rule->kind != FaultKind::kStatus || !text.starts_with(kRetryAfter) ||
      !read_number(text.substr(kRetryAfter.size()), &seconds) || seconds < 0) {
    return "the only option is retry-after=SECONDS, for status";
  }
  rule->retry_after_s = seconds;
  return {};
}

}  // namespace

std::variant<FaultRule, std::string> read_fault_rule(std::string_view text) {
  FaultRule rule;
  const auto complain = [&](const std::string& wrong) {
    return fmt::format("\"{}\": {}", text, wrong);
  };
  size_t end = std::min(text.find_first_of(":,"), text.size());
  const std::string_view head = text.substr(0, end);
  const size_t equals = std::min(head.find('='), head.size());
  const std::string_view value = head.substr(std::min(equals + 1, head.size()));
  if (const auto wrong = read_kind(head.substr(0, equals), value, &rule); !wrong.empty()) {
    return complain(wrong);
  }
  while (end < text.size()) {
    const char mark = text[end];
    const size_t next = std::min(text.find_first_of(":,", end + 1), text.size());
    const std::string wrong = read_modifier(mark, text.substr(end + 1, next - end - 1), &rule);
    if (!wrong.empty()) return complain(wrong);
    end = next;
  }
  return rule;
}

bool is_too_large(const std::vector<FaultRule>& rules, size_t wire_bytes) {
  return std::any_of(rules.begin(), rules.end(), [&](const FaultRule& rule) {
    return rule.kind == FaultKind::kLarger && wire_bytes > rule.bytes_max;
  });
}

bool is_poisoned(const std::vector<FaultRule>& rules, std::string_view text) {
  return std::any_of(rules.begin(), rules.end(), [&](const FaultRule& rule) {
    return rule.kind == FaultKind::kPoison && text.find(rule.token) != std::string_view::npos;
  });
}

FaultPlan::FaultPlan(std::vector<FaultRule> rules, uint64_t seed)
    : rules_(std::move(rules)), random_(seed) {}

FaultDecision FaultPlan::decide() {
  using End = FaultDecision::End;
  FaultDecision decision;
  for (const FaultRule& rule : rules_) {
    const double draw = random_.fraction();
    const bool heads = random_.one_in(2);
    const bool by_body = rule.kind == FaultKind::kLarger || rule.kind == FaultKind::kPoison;
    if (by_body || rule.kind == FaultKind::kOutage || draw >= rule.probability) continue;
    if (rule.kind == FaultKind::kDelay) {
      decision.delay += rule.delay;
      continue;
    }
    if (decision.end != End::kNone) continue;
    switch (rule.kind) {
      case FaultKind::kStatus:
        decision.end = End::kStatus;
        decision.status = rule.status;
        decision.retry_after_s = rule.retry_after_s;
        break;
      case FaultKind::kHang:
        decision.end = End::kHang;
        break;
      case FaultKind::kReset:
        decision.end = heads ? End::kResetBody : End::kResetResponse;
        break;
      case FaultKind::kResetBody:
        decision.end = End::kResetBody;
        break;
      case FaultKind::kResetResponse:
        decision.end = End::kResetResponse;
        break;
      case FaultKind::kDelay:
      case FaultKind::kOutage:
      case FaultKind::kLarger:
      case FaultKind::kPoison:
        break;  // not here
    }
  }
  return decision;
}

bool FaultPlan::is_outage(Duration since_start) const {
  return std::any_of(rules_.begin(), rules_.end(), [&](const FaultRule& rule) {
    return rule.kind == FaultKind::kOutage && since_start >= rule.outage_begin &&
           since_start < rule.outage_begin + rule.outage_length;
  });
}

std::optional<Duration> FaultPlan::until_outage_change(Duration since_start) const {
  std::optional<Duration> soonest;
  for (const FaultRule& rule : rules_) {
    if (rule.kind != FaultKind::kOutage) continue;
    for (const Duration edge : {rule.outage_begin, rule.outage_begin + rule.outage_length}) {
      if (edge <= since_start) continue;
      if (!soonest || edge - since_start < *soonest) soonest = edge - since_start;
    }
  }
  return soonest;
}

}  // namespace sluice

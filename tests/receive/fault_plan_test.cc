// SPDX-License-Identifier: Apache-2.0
#include "receive/fault_plan.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using namespace literals;
using End = FaultDecision::End;

FaultRule rule(std::string_view text) {
  auto read = read_fault_rule(text);
  const auto* wrong = std::get_if<std::string>(&read);
  EXPECT_EQ(wrong, nullptr) << *wrong;
  return wrong != nullptr ? FaultRule{} : std::get<FaultRule>(read);
}

std::string complaint(std::string_view text) {
  auto read = read_fault_rule(text);
  const auto* wrong = std::get_if<std::string>(&read);
  return wrong != nullptr ? *wrong : "";
}

TEST(FaultRule, ReadsEveryDocumentedForm) {
  EXPECT_EQ(rule("status=503:0.1").status, 503);
  EXPECT_DOUBLE_EQ(rule("status=503:0.1").probability, 0.1);
  EXPECT_EQ(rule("status=429:0.05,retry-after=2").retry_after_s, 2);
  EXPECT_EQ(rule("status=429,retry-after=2:0.05").retry_after_s, 2);
  EXPECT_DOUBLE_EQ(rule("status=429,retry-after=2:0.05").probability, 0.05);
  EXPECT_EQ(rule("delay=200ms:0.3").delay, 200_ms);
  EXPECT_EQ(rule("hang:0.01").kind, FaultKind::kHang);
  EXPECT_DOUBLE_EQ(rule("hang").probability, 1);
  EXPECT_EQ(rule("reset:0.05").kind, FaultKind::kReset);
  EXPECT_EQ(rule("reset=body").kind, FaultKind::kResetBody);
  EXPECT_EQ(rule("reset=response").kind, FaultKind::kResetResponse);
  EXPECT_EQ(rule("outage=10s+5s").outage_begin, 10_s);
  EXPECT_EQ(rule("outage=10s+5s").outage_length, 5_s);
  EXPECT_EQ(rule("larger=2000").bytes_max, 2000U);
  EXPECT_EQ(rule("poison=BAD").token, "BAD");
}

TEST(FaultRule, SomeAreAboutTheBodyItself) {
  const std::vector<FaultRule> rules = {rule("larger=10"), rule("poison=BAD")};
  EXPECT_FALSE(is_too_large(rules, 10));
  EXPECT_TRUE(is_too_large(rules, 11));
  EXPECT_FALSE(is_poisoned(rules, "a good line"));
  EXPECT_TRUE(is_poisoned(rules, "a BAD line"));
  EXPECT_FALSE(FaultPlan(rules, 1).decide().is_fault());
  EXPECT_FALSE(complaint("larger=x").empty());
  EXPECT_FALSE(complaint("poison").empty());
}

TEST(FaultRule, SaysWhatIsWrong) {
  for (const char* text : {"", "statuss=5:1", "status=99", "status", "status=503:2", "status=503:x",
                           "status=503,later=1", "delay=5", "delay", "hang=1", "hang,retry-after=1",
                           "reset=all", "outage=10s", "outage=1s+1s:0.5", "status=503:0.1,"}) {
    EXPECT_NE(complaint(text), "") << text;
  }
  EXPECT_EQ(complaint("hang=1"),
            "\"hang=1\": hang takes no value, only a probability, as in hang:0.01");
}

TEST(FaultPlan, FollowsItsProbabilities) {
  FaultPlan plan({rule("status=503:0.25"), rule("delay=1s:0.5")}, 1);
  int statuses = 0, delays = 0;
  for (int i = 0; i < 10'000; ++i) {
    const FaultDecision decision = plan.decide();
    statuses += decision.end == End::kStatus;
    delays += decision.delay == 1_s;
  }
  EXPECT_NEAR(statuses, 2500, 200);
  EXPECT_NEAR(delays, 5000, 300);
}

TEST(FaultPlan, TheFirstRuleThatEndsARequestWins) {
  FaultPlan plan({rule("status=429"), rule("hang"), rule("delay=1s")}, 1);
  const FaultDecision decision = plan.decide();
  EXPECT_EQ(decision.end, End::kStatus);
  EXPECT_EQ(decision.status, 429);
  EXPECT_EQ(decision.delay, 1_s);
}

TEST(FaultPlan, ARuleMoreDoesNotMoveTheDecisionsBeforeIt) {
  FaultPlan one({rule("status=503:0.3")}, 5), two({rule("status=503:0.3")}, 5);
  FaultPlan certain({rule("status=503:0"), rule("status=500:1")}, 5);
  int differ = 0;
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(one.decide().end, two.decide().end);
    differ += certain.decide().status != 500;
  }
  EXPECT_EQ(differ, 0);
}

TEST(FaultPlan, APlainResetIsOfBothKinds) {
  FaultPlan plan({rule("reset")}, 1);
  int body = 0, response = 0;
  for (int i = 0; i < 100; ++i) {
    (plan.decide().end == End::kResetBody ? body : response) += 1;
  }
  EXPECT_GT(body, 20);
  EXPECT_GT(response, 20);
}

TEST(FaultPlan, KnowsItsOutages) {
  const FaultPlan plan({rule("outage=10s+5s"), rule("outage=30s+1s")}, 1);
  EXPECT_FALSE(plan.is_outage(9_s));
  EXPECT_EQ(plan.until_outage_change(9_s), 1_s);
  EXPECT_TRUE(plan.is_outage(10_s));
  EXPECT_TRUE(plan.is_outage(14_s));
  EXPECT_EQ(plan.until_outage_change(14_s), 1_s);
  EXPECT_FALSE(plan.is_outage(15_s));
  EXPECT_EQ(plan.until_outage_change(15_s), 15_s);
  EXPECT_EQ(plan.until_outage_change(31_s), std::nullopt);
}

}  // namespace
}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "flow/deliver/verdict.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <set>

namespace sluice {
namespace {

using namespace literals;
using Kind = Verdict::Kind;
using Subject = Verdict::Subject;

WireAnswer status(int32_t code) {
  WireAnswer answer;
  answer.status = code;
  answer.body_sent = true;
  return answer;
}

void expect_all(std::initializer_list<int32_t> codes, Kind kind, Subject subject) {
  for (const int32_t code : codes) {
    const Verdict verdict = judge(status(code));
    EXPECT_EQ(verdict.kind, kind) << code;
    EXPECT_EQ(verdict.subject, subject) << code;
    EXPECT_FALSE(verdict.key.empty()) << code;
    EXPECT_EQ(verdict.remedy.empty(), kind == Kind::kDelivered) << code;
  }
}

TEST(Verdict, DeliversOnASuccessThatSpeaksForTheWholeBody) {
  expect_all({200, 201, 202, 203, 204, 205}, Kind::kDelivered, Subject::kParcel);
}

TEST(Verdict, DoesNotTakeASuccessForAnAckBeforeTheWholeBodyWasSent) {
  for (int32_t code = 200; code < 300; ++code) {
    WireAnswer early = status(code);
    early.body_sent = false;
    EXPECT_EQ(judge(early).kind, Kind::kRetry) << code;
  }
}

TEST(Verdict, SNK_14_HoldsOnASuccessThatMayBePartial) {
  expect_all({206, 207, 208, 226, 260, 299}, Kind::kHold, Subject::kDestination);
}

TEST(Verdict, SNK_12_NeverFollowsOrAcceptsARedirect) {
  expect_all({300, 301, 302, 303, 304, 307, 308, 399}, Kind::kHold, Subject::kDestination);
}

TEST(Verdict, SNK_11_HoldsOnCredentialsRoutesAndFormatsThatOnlyAPersonCanCure) {
  expect_all({401, 403, 407, 404, 410, 405, 501, 411, 415, 431}, Kind::kHold,
             Subject::kDestination);
  EXPECT_NE(judge(status(401)).remedy.find("`headers`"), std::string_view::npos);
  EXPECT_NE(judge(status(404)).remedy.find("`endpoint`"), std::string_view::npos);
}

TEST(Verdict, CutsWhatIsTooLargeOrHoldsABadLine) {
  expect_all({413}, Kind::kSplit, Subject::kParcel);
  expect_all({400, 422}, Kind::kDissect, Subject::kParcel);
}

TEST(Verdict, HoldsARefusedParcelAndSaysThatItIsAboutThisParcel) {
  expect_all({402, 406, 409, 412, 414, 416, 418, 423, 424, 426, 428, 451, 499}, Kind::kHold,
             Subject::kParcel);
}

TEST(Verdict, RetriesWhatMayPassByItself) {
  expect_all({408, 421, 425, 429, 500, 502, 503, 504, 505, 507, 511, 599}, Kind::kRetry,
             Subject::kDestination);
}

TEST(Verdict, RetriesWhenThereIsNoFinalStatus) {
  expect_all({-1, 0, 1, 99, 100, 101, 103, 199, 600, 999, INT32_MAX, INT32_MIN}, Kind::kRetry,
             Subject::kDestination);
}

TEST(Verdict, RetriesEachTransportFailureButACertificateAndNamesARemedy) {
  std::set<std::string_view> remedies;
  for (int value = 1; value <= static_cast<int>(TransportFailure::kAbandoned); ++value) {
    WireAnswer answer = status(200);  // a status that came before the failure does not count
    answer.failure = static_cast<TransportFailure>(value);
    const Verdict verdict = judge(answer);
    const bool certificate = answer.failure == TransportFailure::kCertificate;
    EXPECT_EQ(verdict.kind, certificate ? Kind::kHold : Kind::kRetry) << value;
    EXPECT_EQ(verdict.subject, Subject::kDestination) << value;
    EXPECT_FALSE(verdict.key.empty()) << value;
    remedies.insert(verdict.remedy);
  }
  EXPECT_EQ(remedies.size(), static_cast<size_t>(TransportFailure::kAbandoned));
}

TEST(Verdict, PassesOnThePauseThatTheDestinationAskedFor) {
  WireAnswer busy = status(429);
  EXPECT_LT(judge(busy).retry_after, 0_s);
  busy.retry_after = 5_s;
  EXPECT_EQ(judge(busy).retry_after, 5_s);
}

TEST(Verdict, DeliversOnNothingButSixStatusesOfAllThatExist) {
  int delivered = 0;
  for (int32_t code = -1; code <= 1200; ++code) {
    for (const bool body_sent : {false, true}) {
      for (int failure = 0; failure <= static_cast<int>(TransportFailure::kAbandoned); ++failure) {
        WireAnswer answer = status(code);
        answer.body_sent = body_sent;
        answer.failure = static_cast<TransportFailure>(failure);
        delivered += judge(answer).delivered() ? 1 : 0;
      }
    }
  }
  EXPECT_EQ(delivered, 6);
}

}  // namespace
}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "platform/curl_wire_answer.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace sluice {
namespace {

using namespace literals;

// 2015-10-21 07:28:00 UTC
constexpr WallTime kNow{1'445'412'480LL * 1'000'000'000};
constexpr std::string_view kNowText = "Wed, 21 Oct 2015 07:28:00 GMT";

TEST(RetryAfter, SNK_7_TakesWholeSeconds) {
  EXPECT_EQ(parse_retry_after("5", "", kNow), 5_s);
  EXPECT_EQ(parse_retry_after("0", "", kNow), 0_s);
  EXPECT_EQ(parse_retry_after(" \t120 ", "", kNow), 120_s);
  EXPECT_EQ(parse_retry_after("007", "", kNow), 7_s);
}

TEST(RetryAfter, SNK_7_BoundsHugeNumbersToAYear) {
  const Duration year = 1_s * (366LL * 24 * 3600);
  EXPECT_EQ(parse_retry_after("1000000000", "", kNow), year);
  EXPECT_EQ(parse_retry_after("99999999999999999999999999", "", kNow), year);
  EXPECT_EQ(parse_retry_after("9223372036854775807", "", kNow), year);
}

TEST(RetryAfter, SNK_7_IgnoresNegativeAndOtherGarbage) {
  for (const char* text : {"-1", "", "   ", "+5", "1e9", "5.5", "5s", "0x10", "soon", "NaN", "5,6",
                           "20040911 extra", "Wed", "Wed, 21 Oct", "99:99:99", "\x01\x02",
                           "Wed, 99 Foo 2015 07:28:00 GMT", "never, never, never: never: never"}) {
    EXPECT_EQ(parse_retry_after(text, "", kNow), std::nullopt) << text;
  }
}

TEST(RetryAfter, SNK_7_TakesTheThreeFormsOfAnHttpDate) {
  EXPECT_EQ(parse_retry_after("Wed, 21 Oct 2015 07:28:30 GMT", "", kNow), 30_s);
  EXPECT_EQ(parse_retry_after("Wednesday, 21-Oct-15 07:28:30 GMT", "", kNow), 30_s);
  EXPECT_EQ(parse_retry_after("Wed Oct 21 07:28:30 2015", "", kNow), 30_s);
}

TEST(RetryAfter, CountsADateFromTheAnswersOwnClock) {
  // The agent's clock is an hour late; only the difference between the peer's two dates counts.
  const WallTime late = kNow - 3600_s;
  EXPECT_EQ(parse_retry_after("Wed, 21 Oct 2015 07:28:10 GMT", kNowText, late), 10_s);
  EXPECT_EQ(parse_retry_after("Wed, 21 Oct 2015 07:28:10 GMT", "garbage", late), 3610_s);
}

TEST(RetryAfter, SNK_7_TakesADateInThePastAsNoPause) {
  EXPECT_EQ(parse_retry_after("Wed, 21 Oct 2015 07:00:00 GMT", "", kNow), 0_s);
  EXPECT_EQ(parse_retry_after("Thu, 01 Jan 1970 00:00:00 GMT", kNowText, kNow), 0_s);
}

TEST(Printable, ReplacesWhatATerminalWouldObey) {
  std::array<char, 32> text;
  EXPECT_EQ(copy_printable("bad\x1b[31m request\x7f\xc3\xa9", text), 19u);
  EXPECT_STREQ(text.data(), "bad?[31m request???");
}

TEST(Printable, JoinsWhiteSpaceAndTrims) {
  std::array<char, 32> text;
  copy_printable("\r\n  too \t\n many\nlines \n", text);
  EXPECT_STREQ(text.data(), "too many lines");
}

TEST(Printable, StaysInsideItsRoom) {
  std::array<char, 8> text;
  EXPECT_EQ(copy_printable(std::string(100, 'x'), text), 7u);
  EXPECT_STREQ(text.data(), "xxxxxxx");
  std::array<char, 1> nothing{'x'};
  EXPECT_EQ(copy_printable("abc", nothing), 0u);
  EXPECT_EQ(nothing[0], '\0');
}

TEST(TransportFailures, TellConnectingFromAnswering) {
  EXPECT_EQ(transport_failure(CURLE_OK, true, ""), TransportFailure::kNone);
  EXPECT_EQ(transport_failure(CURLE_OPERATION_TIMEDOUT, false, ""), TransportFailure::kConnect);
  EXPECT_EQ(transport_failure(CURLE_OPERATION_TIMEDOUT, true, ""), TransportFailure::kTimeout);
  EXPECT_EQ(transport_failure(CURLE_RECV_ERROR, false, ""), TransportFailure::kConnect);
  EXPECT_EQ(transport_failure(CURLE_RECV_ERROR, true, ""), TransportFailure::kReset);
  EXPECT_EQ(transport_failure(CURLE_COULDNT_RESOLVE_HOST, false, ""), TransportFailure::kResolve);
  EXPECT_EQ(transport_failure(CURLE_PEER_FAILED_VERIFICATION, false, ""),
            TransportFailure::kCertificate);
  EXPECT_EQ(transport_failure(CURLE_WEIRD_SERVER_REPLY, true, ""), TransportFailure::kProtocol);
}

TEST(TransportFailures, TellACertificateThatIsRefusedFromAHandshakeThatBreaks) {
  for (const CURLcode code : {CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_CERTPROBLEM,
                              CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR}) {
    EXPECT_EQ(transport_failure(code, false, ""), TransportFailure::kCertificate) << code;
  }
  constexpr std::string_view kPrefix = "OpenSSL/3: error:0A000000:SSL routines::";
  for (const std::string_view alert :
       {"tlsv1 alert unknown ca", "sslv3 alert bad certificate", "sslv3 alert certificate revoked",
        "sslv3 alert certificate expired", "sslv3 alert certificate unknown"}) {
    const std::string words = std::string(kPrefix).append(alert);
    EXPECT_EQ(transport_failure(CURLE_SSL_CONNECT_ERROR, false, words),
              TransportFailure::kCertificate);
    EXPECT_EQ(transport_failure(CURLE_RECV_ERROR, true, words), TransportFailure::kCertificate);
  }
  for (const std::string_view alert : {"tlsv1 alert protocol version", "tlsv1 alert internal error",
                                       "sslv3 alert handshake failure", "wrong version number"}) {
    const std::string words = std::string(kPrefix).append(alert);
    EXPECT_EQ(transport_failure(CURLE_SSL_CONNECT_ERROR, false, words), TransportFailure::kTls);
  }
}

TEST(TransportFailures, TakeAnAlertAfterTheHandshakeAsTls) {
  constexpr std::string_view kAlert =
      "OpenSSL SSL_read: error:0A00045C:SSL routines::tlsv13 alert certificate required, errno 0";
  EXPECT_EQ(transport_failure(CURLE_RECV_ERROR, true, kAlert), TransportFailure::kCertificate);
  EXPECT_EQ(transport_failure(CURLE_PARTIAL_FILE, true, kAlert), TransportFailure::kReset);
  EXPECT_EQ(transport_failure(CURLE_RECV_ERROR, true, "OpenSSL SSL_read: Connection reset by peer"),
            TransportFailure::kReset);
}

}  // namespace
}  // namespace sluice

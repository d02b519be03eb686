// SPDX-License-Identifier: Apache-2.0
// HTTP/2 in clear text against a peer that breaks it.
#include <gtest/gtest.h>

#include "platform/curl_wire_rig.h"
#include "servers/h2_peer.h"

namespace sluice {
namespace {

CurlWireSettings http2_settings(std::string url) {
  CurlWireSettings settings = settings_for(std::move(url));
  settings.http_version = HttpVersion::kHttp2;
  return settings;
}

TEST(CurlWireHttp2, SNK_18_ReportsAStreamThatIsResetInTheMiddleOfTheBody) {
  H2Behaviour behaviour;
  behaviour.reset_streams = true;
  H2Peer peer(behaviour);
  WireRig rig(http2_settings(peer.url()));
  const WireAnswer answer = rig.exchange(4 << 20);
  EXPECT_EQ(answer.failure, TransportFailure::kReset) << answer.text_view();
  EXPECT_FALSE(answer.body_sent);
}

// libcurl 7.88.1 loses an answer that comes together with the end of its stream while the body is
// still being sent. What matters is that it is never taken for a delivery.
TEST(CurlWireHttp2, NeverCallsABodySentWhenASuccessCameEarly) {
  H2Behaviour behaviour;
  behaviour.answer_early = true;
  behaviour.update_windows = false;
  H2Peer peer(behaviour);
  WireRig rig(http2_settings(peer.url()));
  const WireAnswer answer = rig.exchange(4 << 20);
  EXPECT_TRUE(answer.status == 200 || answer.failure == TransportFailure::kReset);
  EXPECT_FALSE(answer.body_sent);
  EXPECT_LT(answer.took, 5_s);
}

TEST(CurlWireHttp2, ReportsAConnectionThatIsClosedUnderItsRequests) {
  H2Behaviour behaviour;
  behaviour.answer = false;
  H2Peer peer(behaviour);
  WireRig rig(http2_settings(peer.url()));
  for (int i = 0; i < 4; ++i) rig.send(1000);
  EXPECT_TRUE(rig.run_until([&] { return peer.requests() == 4; }));
  peer.close_connections();
  ASSERT_TRUE(rig.run_until_answers(4, 5_s));
  for (const WireAnswer& answer : rig.answers) {
    EXPECT_EQ(answer.failure, TransportFailure::kReset) << answer.text_view();
  }
  peer.answer_now();
}

TEST(CurlWireHttp2, LeavesAConnectionOnWhichNothingWasHeardUntilTheDeadline) {
  H2Behaviour behaviour;
  behaviour.answer = false;
  H2Peer peer(behaviour);
  CurlWireSettings settings = http2_settings(peer.url());
  settings.request_timeout = 200_ms;
  WireRig rig(settings);
  EXPECT_EQ(rig.exchange(1000).failure, TransportFailure::kTimeout);
  // The first one heard the SETTINGS of the peer, the second one nothing at all.
  EXPECT_EQ(rig.exchange(1000).failure, TransportFailure::kTimeout);
  EXPECT_EQ(peer.connections(), 1);
  EXPECT_EQ(rig.exchange(1000).failure, TransportFailure::kTimeout);
  EXPECT_EQ(peer.connections(), 2) << "the silent one is not used again";
}

TEST(CurlWireHttp2, AbandonsStreamsAndGoesOn) {
  H2Behaviour behaviour;
  behaviour.answer = false;
  H2Peer peer(behaviour);
  WireRig rig(http2_settings(peer.url()));
  for (int i = 0; i < 4; ++i) rig.send(100'000);
  EXPECT_TRUE(rig.run_until([&] { return peer.body_bytes() > 0; }));
  rig.wire->abandon_all();
  ASSERT_TRUE(rig.run_until_answers(4));
  for (const WireAnswer& answer : rig.answers) {
    EXPECT_EQ(answer.failure, TransportFailure::kAbandoned);
  }
  rig.answers.clear();
  peer.answer_now();
  EXPECT_EQ(rig.exchange(1000).status, 200);
}

}  // namespace
}  // namespace sluice

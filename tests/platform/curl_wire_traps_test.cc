// SPDX-License-Identifier: Apache-2.0
// The traps of libcurl 7.88.1 (src/README.md, "Chosen dependencies"), each by its letter, against
// peers that really misbehave.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "platform/curl_wire_rig.h"
#include "servers/h2_peer.h"
#include "servers/raw_peer.h"
#include "servers/test_pki.h"

namespace sluice {
namespace {

CurlWireSettings http2_settings(std::string url) {
  CurlWireSettings settings = settings_for(std::move(url));
  settings.http_version = HttpVersion::kHttp2;
  return settings;
}

// A peer that speaks HTTP/2 over TLS, and a wire that trusts it.
struct TlsHttp2 {
  explicit TlsHttp2(H2Behaviour behaviour)
      : pki(directory.path()),
        peer(behaviour, TestPki::server(pki.issue("peer", "IP:127.0.0.1"), "\x02h2")) {}

  CurlWireSettings settings() const {
    CurlWireSettings made = settings_for(peer.url("https"));
    made.tls.ca_file = pki.ca_file();
    return made;
  }

  TestDirectory directory;
  TestPki pki;
  H2Peer peer;
};

void expect_a_quiet_stall(WireRig& rig, H2Peer& peer) {
  rig.send(1 << 20);
  rig.send(1 << 20);
  // Both streams share the connection's window of 65535 bytes.
  ASSERT_TRUE(rig.run_until([&] { return peer.body_bytes() == 65535; }));
  const Duration before = thread_cpu();
  const uint64_t waits_before = rig.loop.waits();
  rig.run_for(1_s);
  const double cpu = seconds(thread_cpu() - before);
  EXPECT_LT(cpu, 0.10) << "of one second";
  EXPECT_LT(rig.loop.waits() - waits_before, 600u);
  ::testing::Test::RecordProperty("cpu_per_stalled_second", std::to_string(cpu));
  EXPECT_EQ(peer.body_bytes(), 65535u);

  peer.open_windows();
  const MonoTime opened = rig.clock.mono();
  ASSERT_TRUE(rig.run_until_answers(2));
  EXPECT_LT(rig.clock.mono() - opened, 5_s);
  for (const WireAnswer& answer : rig.answers) {
    EXPECT_EQ(answer.status, 200) << answer.text_view();
    EXPECT_TRUE(answer.body_sent);
  }
  EXPECT_EQ(peer.body_bytes(), 2u << 20);
}

TEST(CurlWireTraps, TrapA_AnExhaustedFlowControlWindowDoesNotSpin) {
  H2Behaviour behaviour;
  behaviour.update_windows = false;
  H2Peer peer(behaviour);
  WireRig rig(http2_settings(peer.url()));
  expect_a_quiet_stall(rig, peer);
}

TEST(CurlWireTraps, TrapA_AnExhaustedFlowControlWindowDoesNotSpinOverTls) {
  H2Behaviour behaviour;
  behaviour.update_windows = false;
  TlsHttp2 tls(behaviour);
  WireRig rig(tls.settings());
  expect_a_quiet_stall(rig, tls.peer);
}

TEST(CurlWireTraps, SNK_4_TrapA_AStalledUploadStillMeetsItsDeadline) {
  H2Behaviour behaviour;
  behaviour.update_windows = false;
  H2Peer peer(behaviour);
  CurlWireSettings settings = http2_settings(peer.url());
  settings.request_timeout = 300_ms;
  WireRig rig(settings);
  const WireAnswer answer = rig.exchange(1 << 20);
  EXPECT_EQ(answer.failure, TransportFailure::kTimeout);
  EXPECT_FALSE(answer.body_sent);
  EXPECT_LT(answer.took, 5_s);
}

TEST(CurlWireTraps, TrapA_SmallWindowsDoNotSlowAnUploadDown) {
  H2Peer peer(H2Behaviour{});  // 64 KiB windows, updated at once
  WireRig rig(http2_settings(peer.url()));
  [[maybe_unused]] const MonoTime begin = rig.clock.mono();
  for (int i = 0; i < 4; ++i) rig.send(4 << 20);
  ASSERT_TRUE(rig.run_until_answers(4));
  EXPECT_EQ(peer.body_bytes(), 16u << 20);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // 20 ms of silence for each window would be 5 s. A sanitizer alone takes that long.
  EXPECT_LT(rig.clock.mono() - begin, 4_s);
#endif
}

TEST(CurlWireTraps, TrapB_ClearTextHttp2KeepsOneConnectionForRequestsInSequence) {
  H2Peer peer(H2Behaviour{});
  WireRig rig(http2_settings(peer.url()));
  for (int i = 0; i < 20; ++i) {
    const WireAnswer answer = rig.exchange(10'000);
    ASSERT_EQ(answer.failure, TransportFailure::kNone) << answer.text_view();
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.body_sent);
  }
  EXPECT_EQ(peer.connections(), 1);
  EXPECT_EQ(peer.requests(), 20);
}

TEST(CurlWireTraps, TrapB_ClearTextHttp2KeepsOneConnectionForRequestsAtOnce) {
  H2Behaviour behaviour;
  behaviour.answer = false;
  H2Peer peer(behaviour);
  CurlWireSettings settings = http2_settings(peer.url());
  settings.window = 12;
  WireRig rig(settings);
  for (int i = 0; i < 12; ++i) rig.send(2'000);
  EXPECT_TRUE(rig.run_until([&] { return peer.requests() == 12; }, 5_s));
  peer.answer_now();
  EXPECT_TRUE(rig.run_until_answers(12));
  for (const WireAnswer& answer : rig.answers) EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(peer.connections(), 1);
  EXPECT_EQ(peer.streams_at_once_max(), 12);
}

TEST(CurlWireTraps, TrapB_ClearTextHttp2GoesOnAfterItsConnectionWasClosed) {
  H2Behaviour behaviour;
  behaviour.close_after_requests = 3;
  H2Peer peer(behaviour);
  WireRig rig(http2_settings(peer.url()));
  int resets = 0;
  int answered = 0;
  for (int i = 0; i < 40 && answered < 12; ++i) {
    const WireAnswer answer = rig.exchange(5'000);
    answered += answer.status == 200;
    resets += answer.failure == TransportFailure::kReset;
    ASSERT_TRUE(answer.status == 200 || answer.failure == TransportFailure::kReset)
        << answer.text_view();
  }
  EXPECT_EQ(answered, 12);
  EXPECT_LE(resets, 4) << "at most the request that meets the close";
}

TEST(CurlWireTraps, TrapB_ManyClearTextHttp2RequestsSurviveAClosedConnectionTogether) {
  H2Peer peer(H2Behaviour{});
  CurlWireSettings settings = http2_settings(peer.url());
  settings.window = 8;
  WireRig rig(settings);
  EXPECT_EQ(rig.exchange(1000).status, 200);
  peer.close_connections();
  EXPECT_TRUE(rig.run_until([&] { return peer.open_connections() == 0; }));
  // All eight believe in the old connection; the new one must not begin with HTTP/1.1.
  for (int i = 0; i < 8; ++i) rig.send(3'000);
  ASSERT_TRUE(rig.run_until_answers(8));
  for (const WireAnswer& answer : rig.answers) EXPECT_EQ(answer.status, 200) << answer.text_view();
  EXPECT_LE(peer.connections(), 3);
}

TEST(CurlWireTraps, TrapB_ClearTextAutoIsHttp1) {
  std::atomic<int> http1{0};
  RawPeer peer([&](PeerConnection& connection) {
    while (const auto request = connection.read_request()) {
      http1 += request->head.find("POST /ingest HTTP/1.1\r\n") == 0 &&
               !header_value(request->head, "Upgrade");
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  WireRig rig(settings_for(peer.url()));
  EXPECT_EQ(rig.exchange(100).status, 200);
  EXPECT_EQ(rig.exchange(100).status, 200);
  EXPECT_EQ(http1, 2);
}

TEST(CurlWireTraps, TrapC_RequestsAtTheStartOpenAtMostTheCapOfConnections) {
  std::atomic<int> open{0};
  std::atomic<int> open_max{0};
  RawPeer peer([&](PeerConnection& connection) {
    const int now = ++open;
    int most = open_max;
    while (now > most && !open_max.compare_exchange_weak(most, now)) {
    }
    while (connection.read_request()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
    --open;
  });
  CurlWireSettings settings = settings_for(peer.url());
  settings.window = 16;
  settings.connections_max = 3;
  WireRig rig(settings);
  for (int i = 0; i < 16; ++i) rig.send(50'000);
  ASSERT_TRUE(rig.run_until_answers(16));
  for (const WireAnswer& answer : rig.answers) EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(open_max, 3);
  EXPECT_EQ(peer.connections(), 3);
}

TEST(CurlWireTraps, TrapC_RequestsAtTheStartShareOneHttp2ConnectionOverTls) {
  H2Behaviour behaviour;
  behaviour.answer = false;
  TlsHttp2 tls(behaviour);
  CurlWireSettings settings = tls.settings();
  settings.window = 8;
  WireRig rig(settings);
  for (int i = 0; i < 8; ++i) rig.send(3'000);
  // Until the first answer it is not known that the peer multiplexes: connections_max at once.
  EXPECT_TRUE(rig.run_until([&] { return tls.peer.requests() == 4; }, 5_s)) << tls.peer.requests();
  tls.peer.answer_now();
  ASSERT_TRUE(rig.run_until_answers(8));
  for (int i = 0; i < 8; ++i) rig.send(3'000);
  ASSERT_TRUE(rig.run_until_answers(16));
  for (const WireAnswer& answer : rig.answers) EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(tls.peer.connections(), 1);
}

TEST(CurlWireTraps, TrapC_ARequestThatWaitsForAConnectionDoesNotTimeOut) {
  RawPeer peer([](PeerConnection& connection) {
    while (connection.read_request()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  CurlWireSettings settings = settings_for(peer.url());
  settings.window = 5;
  settings.connections_max = 1;
  settings.request_timeout = 1_s;  // the last one waits for 1.2 s
  WireRig rig(settings);
  for (int i = 0; i < 5; ++i) rig.send(1000);
  ASSERT_TRUE(rig.run_until_answers(5));
  for (const WireAnswer& answer : rig.answers) EXPECT_EQ(answer.status, 200) << answer.text_view();
}

TEST(CurlWireTraps, TrapC_ARequestThatLibcurlQueuesForAStreamDoesNotTimeOut) {
  H2Behaviour behaviour;
  behaviour.max_concurrent_streams = 1;
  behaviour.answer_delay_ms = 400;
  H2Peer peer(behaviour);
  CurlWireSettings settings = http2_settings(peer.url());
  settings.window = 4;
  settings.request_timeout = 1_s;  // the last one waits for 1.2 s
  WireRig rig(settings);
  EXPECT_EQ(rig.exchange(1000).status, 200);  // from now on the peer's limit is known
  for (int i = 0; i < 4; ++i) rig.send(1000);
  ASSERT_TRUE(rig.run_until_answers(4));
  for (const WireAnswer& answer : rig.answers) EXPECT_EQ(answer.status, 200) << answer.text_view();
  EXPECT_EQ(peer.connections(), 1);
  EXPECT_EQ(peer.streams_at_once_max(), 1);
}

void expect_pings_do_no_harm(WireRig& rig, H2Peer& peer) {
  ASSERT_EQ(rig.exchange(1000).status, 200);
  for (int i = 1; i <= 5; ++i) {
    peer.ping();
    EXPECT_TRUE(rig.run_until([&] { return peer.pings_sent() >= i; }));
    rig.run_for(5_ms);
    const WireAnswer answer = rig.exchange(1000);
    EXPECT_EQ(answer.failure, TransportFailure::kNone) << answer.text_view();
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.body_sent);
  }
  EXPECT_EQ(peer.requests(), 6) << "nothing was sent twice";
}

TEST(CurlWireTraps, TrapD_PingsOnAnIdleConnectionDoNotFailTheNextRequest) {
  H2Peer peer(H2Behaviour{});
  WireRig rig(http2_settings(peer.url()));
  expect_pings_do_no_harm(rig, peer);
}

TEST(CurlWireTraps, TrapD_PingsOnAnIdleConnectionDoNotFailTheNextRequestOverTls) {
  TlsHttp2 tls(H2Behaviour{});
  WireRig rig(tls.settings());
  expect_pings_do_no_harm(rig, tls.peer);
}

TEST(CurlWireTraps, TrapD_PingsOnABusyConnectionDoNotFailItsRequests) {
  H2Behaviour behaviour;
  behaviour.answer = false;
  H2Peer peer(behaviour);
  WireRig rig(http2_settings(peer.url()));
  rig.send(1000);
  EXPECT_TRUE(rig.run_until([&] { return peer.requests() == 1; }));
  for (int i = 0; i < 10; ++i) {
    peer.ping();
    rig.run_for(2_ms);
  }
  peer.answer_now();
  EXPECT_EQ(rig.only_answer().status, 200);
}

TEST(CurlWireTraps, SNK_12_TrapE_RedirectsAreReportedAndNeverFollowed) {
  std::atomic<int> followed{0};
  RawPeer elsewhere([&](PeerConnection& connection) {
    ++followed;
    connection.drain();
  });
  for (const int status : {301, 302, 303, 307, 308}) {
    RawPeer peer([&](PeerConnection& connection) {
      while (connection.read_request()) {
        connection.write("HTTP/1.1 " + std::to_string(status) + " Moved\r\nLocation: " +
                         elsewhere.url() + "\r\nContent-Length: 0\r\n\r\n");
      }
    });
    WireRig rig(settings_for(peer.url()));
    const WireAnswer answer = rig.exchange(1000);
    EXPECT_EQ(answer.failure, TransportFailure::kNone);
    EXPECT_EQ(answer.status, status);
  }
  EXPECT_EQ(followed, 0);
  EXPECT_EQ(elsewhere.connections(), 0);
}

TEST(CurlWireTraps, SNK_16_TrapF_RefusedStreamsAreReportedAfterOneAttempt) {
  H2Behaviour behaviour;
  behaviour.refuse_streams = true;
  H2Peer peer(behaviour);
  CurlWireSettings settings = http2_settings(peer.url());
  settings.request_timeout = 2_s;
  WireRig rig(settings);
  const WireAnswer answer = rig.exchange(100'000);
  EXPECT_EQ(answer.failure, TransportFailure::kReset);
  EXPECT_EQ(answer.status, 0);
  EXPECT_LT(answer.took, 2_s);
  EXPECT_EQ(peer.streams(), 1);
}

TEST(CurlWireTraps, SNK_16_TrapF_RefusedStreamsOverTlsAreReportedAfterOneAttempt) {
  H2Behaviour behaviour;
  behaviour.refuse_streams = true;
  TlsHttp2 tls(behaviour);
  WireRig rig(tls.settings());
  for (int i = 0; i < 4; ++i) rig.send(100'000);
  ASSERT_TRUE(rig.run_until_answers(4));
  for (const WireAnswer& answer : rig.answers) {
    EXPECT_EQ(answer.failure, TransportFailure::kReset) << answer.text_view();
  }
  EXPECT_LE(tls.peer.streams(), 4);
}

// Found by scripts/fuzz answer. A success that nobody said would lose the lines of the request.
TEST(CurlWireTraps, TrapH_AFirstLineThatIsNoStatusLineIsNoSuccess) {
  for (const std::string line : {"HTTP/.11 503 No", "HTTP/1.1 ok", "HTTP/1.x 200 OK",
                                 "HTTP/1.1 2000 OK", "HTTP/", "http/1", "HTTp/1.1 503 No"}) {
    RawPeer peer([&line](PeerConnection& connection) {
      (void)connection.read_request();
      (void)connection.write(line + "\r\nContent-Length: 0\r\n\r\n");
    });
    WireRig rig(settings_for(peer.url()));
    const WireAnswer answer = rig.exchange(100);
    EXPECT_EQ(answer.failure, TransportFailure::kProtocol) << line << ": " << answer.text_view();
    EXPECT_EQ(answer.status, 0) << line;
  }
}

// Reads freed memory if the handle of the first request serves the second: seen by
// AddressSanitizer.
TEST(CurlWireTraps, TrapI_AFoldedFirstHeaderAfterAnotherAnswerReadsNoOldHeader) {
  std::atomic<int> answers{0};
  RawPeer peer([&](PeerConnection& connection) {
    while (connection.read_request()) {
      const bool first = answers++ == 0;
      (void)connection.write(first ? "HTTP/1.1 200 OK\r\nX-Last: one\r\nContent-Length: 0\r\n\r\n"
                                   : "HTTP/1.1 200 OK\r\n folded\r\nContent-Length: 0\r\n\r\n");
    }
  });
  CurlWireSettings settings = settings_for(peer.url());
  settings.window = 1;
  WireRig rig(settings);
  EXPECT_EQ(rig.exchange(100).status, 200);
  for (int i = 0; i < 3; ++i) (void)rig.exchange(100);
  EXPECT_EQ(answers, 4);
}

// The server library of this peer ends a connection after 1,000 RST_STREAM in a short time, as
// every server does that was patched against rapid resets.
void expect_thousands_without_a_reset(WireRig& rig, H2Peer& peer, size_t at_once) {
  constexpr size_t kRequests = 3000;
  size_t sent = 0;
  size_t ok = 0;
  size_t seen = 0;
  const auto fill = [&] {
    for (; seen < rig.answers.size(); ++seen) {
      ok += rig.answers[seen].status == 200;
      EXPECT_EQ(rig.answers[seen].failure, TransportFailure::kNone)
          << seen << ": " << rig.answers[seen].text_view();
    }
    for (; sent < kRequests && sent - seen < at_once; ++sent) rig.send(100);
    return seen == kRequests || ok != seen;
  };
  EXPECT_TRUE(rig.run_until(fill, 60_s));
  EXPECT_EQ(ok, kRequests);
  EXPECT_EQ(peer.requests(), static_cast<int>(kRequests)) << "nothing was sent twice";
  EXPECT_LE(peer.connections(), 4);
}

TEST(CurlWireTraps, TrapG_StreamsThatLibcurlResetsAfterTheirEndDoNotCostTheConnection) {
  H2Peer peer(H2Behaviour{});
  WireRig rig(http2_settings(peer.url()));
  expect_thousands_without_a_reset(rig, peer, 1);
}

TEST(CurlWireTraps, TrapG_StreamsThatLibcurlResetsAfterTheirEndDoNotCostTheConnectionWhenBusy) {
  TlsHttp2 tls(H2Behaviour{});
  WireRig rig(tls.settings());
  expect_thousands_without_a_reset(rig, tls.peer, 4);
}

}  // namespace
}  // namespace sluice

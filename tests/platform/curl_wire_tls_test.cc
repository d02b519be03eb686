// SPDX-License-Identifier: Apache-2.0
// TLS, and a real nginx.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <sstream>

#include "platform/curl_wire_rig.h"
#include "servers/nginx_process.h"
#include "servers/raw_peer.h"
#include "servers/test_pki.h"

namespace sluice {
namespace {

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class CurlWireTls : public ::testing::Test {
 protected:
  CurlWireTls() : pki_(directory_.path()) {}

  RawPeer::Script answer_all() {
    return [](PeerConnection& connection) {
      while (connection.read_request() && connection.write(kOk)) {
      }
    };
  }
  CurlWireSettings settings(const std::string& url) {
    CurlWireSettings made = settings_for(url);
    made.tls.ca_file = pki_.ca_file();
    return made;
  }
  void expect_refused(const CurlWireSettings& wanted, RawPeer& peer, const char* word) {
    WireRig rig(wanted);
    for (int i = 0; i < 2; ++i) rig.send(10'000);
    ASSERT_TRUE(rig.run_until_answers(2));
    for (const WireAnswer& answer : rig.answers) {
      EXPECT_EQ(answer.failure, TransportFailure::kCertificate) << answer.text_view();
      EXPECT_EQ(answer.status, 0);
      EXPECT_FALSE(answer.body_sent);
      EXPECT_EQ(answer.sent_bytes, Bytes(0));
      EXPECT_NE(answer.text_view().find(word), std::string_view::npos) << answer.text_view();
    }
    EXPECT_EQ(peer.received_bytes(), 0u);
  }

  TestDirectory directory_;
  TestPki pki_;
};

TEST_F(CurlWireTls, SendsToAPeerWithAGoodCertificateAndKeepsTheConnection) {
  RawPeer peer(answer_all(), TestPki::server(pki_.issue("good", "IP:127.0.0.1")));
  WireRig rig(settings(peer.url("https")));
  for (int i = 0; i < 5; ++i) {
    const WireAnswer answer = rig.exchange(200'000);
    EXPECT_EQ(answer.status, 200) << answer.text_view();
    EXPECT_TRUE(answer.body_sent);
  }
  EXPECT_EQ(peer.connections(), 1);
}

TEST_F(CurlWireTls, SendsNothingToAnUnknownAuthority) {
  TestDirectory other_directory;
  TestPki other(other_directory.path());
  RawPeer peer(answer_all(), TestPki::server(other.issue("other", "IP:127.0.0.1")));
  expect_refused(settings(peer.url("https")), peer, "certificate");
}

TEST_F(CurlWireTls, SendsNothingToAnExpiredCertificate) {
  RawPeer peer(answer_all(), TestPki::server(pki_.issue("old", "IP:127.0.0.1", -60)));
  expect_refused(settings(peer.url("https")), peer, "expired");
}

TEST_F(CurlWireTls, SendsNothingToAnotherName) {
  RawPeer peer(answer_all(), TestPki::server(pki_.issue("wrong", "DNS:example.net")));
  expect_refused(settings(peer.url("https")), peer, "127.0.0.1");
}

TEST_F(CurlWireTls, SendsNothingInClearToAPeerWithoutTls) {
  std::atomic<uint64_t> body{0};
  RawPeer peer([&](PeerConnection& connection) {
    connection.read_some(100'000);
    connection.write("HTTP/1.1 400 Bad\r\n\r\n");
  });
  WireRig rig(settings(peer.url("https")));
  const WireAnswer answer = rig.exchange(10'000);
  EXPECT_EQ(answer.failure, TransportFailure::kTls) << answer.text_view();
  EXPECT_EQ(answer.sent_bytes, Bytes(0));
}

TEST_F(CurlWireTls, SNK_20_GivesUpOnAHandshakeThatHangsAtTheConnectTimeout) {
  RawPeer peer([](PeerConnection& connection) { connection.drain(); });  // says nothing
  CurlWireSettings wanted = settings(peer.url("https"));
  wanted.connect_timeout = 300_ms;
  WireRig rig(wanted);
  const WireAnswer answer = rig.exchange(10'000);
  EXPECT_EQ(answer.failure, TransportFailure::kConnect) << answer.text_view();
  EXPECT_LT(answer.took, 5_s);
}

TEST_F(CurlWireTls, TrustsAnybodyOnlyWhenToldTo) {
  RawPeer peer(answer_all(), TestPki::server(pki_.issue("wrong", "DNS:example.net", -60)));
  CurlWireSettings wanted = settings_for(peer.url("https"));
  wanted.tls.verify = false;
  WireRig rig(wanted);
  EXPECT_EQ(rig.exchange(100).status, 200);
}

TEST_F(CurlWireTls, ShowsItsOwnCertificateToAPeerThatAsks) {
  const TestPki::Leaf own = pki_.issue("agent", "DNS:agent");
  const auto context = [&] {
    return TestPki::server(pki_.issue("good", "IP:127.0.0.1"), "", pki_.ca_file());
  };
  RawPeer peer(answer_all(), context());
  CurlWireSettings wanted = settings(peer.url("https"));
  wanted.tls.cert_file = own.cert_file;
  wanted.tls.key_file = own.key_file;
  WireRig rig(wanted);
  EXPECT_EQ(rig.exchange(100).status, 200);

  RawPeer strict(answer_all(), context());
  WireRig without(settings(strict.url("https")));
  const WireAnswer answer = without.exchange(100);
  EXPECT_EQ(answer.failure, TransportFailure::kCertificate) << answer.text_view();
  EXPECT_EQ(strict.received_bytes(), 0u);
}

TEST_F(CurlWireTls, SendsNothingToAKeyThatIsNotPinnedEvenWhenTheCertificateIsNotChecked) {
  RawPeer peer(answer_all(), TestPki::server(pki_.issue("good", "IP:127.0.0.1")));
  CurlWireSettings wanted = settings(peer.url("https"));
  wanted.tls.pin = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
  expect_refused(wanted, peer, "pinned");
  wanted.tls.verify = false;
  expect_refused(wanted, peer, "pinned");
}

TEST_F(CurlWireTls, AsksForTheServerNameAndConnectsToTheEndpoint) {
  RawPeer peer(answer_all(), TestPki::server(pki_.issue("named", "DNS:logs.example.net")));
  CurlWireSettings wanted = settings(peer.url("https"));
  wanted.tls.server_name = "logs.example.net";
  WireRig rig(wanted);
  EXPECT_EQ(rig.exchange(100).status, 200);
  wanted.tls.server_name = "other.example.net";
  WireRig other(wanted);
  EXPECT_EQ(other.exchange(100).failure, TransportFailure::kCertificate);
}

// A slow reader makes the TLS layer write a record in pieces.
TEST_F(CurlWireTls, DeliversWholeBodiesToASlowReader) {
  std::atomic<uint64_t> sum{0};
  RawPeer peer(
      [&](PeerConnection& connection) {
        while (connection.read_head()) {
          for (size_t left = 3 << 20; left > 0;) {
            const std::string part = connection.read_some(std::min<size_t>(left, 8192));
            if (part.empty()) return;
            for (const char c : part) sum += static_cast<unsigned char>(c);
            left -= part.size();
            if (left % 64 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
          }
          connection.write(kOk);
        }
      },
      TestPki::server(pki_.issue("good", "IP:127.0.0.1")), 8192);
  WireRig rig(settings(peer.url("https")));
  uint64_t expected = 0;
  for (int i = 0; i < 3; ++i) {
    Parcel& parcel = rig.parcel(3 << 20);
    for (const std::byte b : parcel.bytes()) expected += static_cast<uint64_t>(b);
    rig.send(parcel);
  }
  ASSERT_TRUE(rig.run_until_answers(3));
  for (const WireAnswer& answer : rig.answers) EXPECT_EQ(answer.status, 200) << answer.text_view();
  EXPECT_EQ(sum.load(), expected);
}

// HTTP/2 frames by hand: SETTINGS, then `after_headers` once the request's HEADERS are there. The
// frames leave in one TLS record, which no library would do on request.
void speak_http2(PeerConnection& connection, std::string_view after_headers) {
  constexpr std::string_view kSettings("\0\0\0\x04\0\0\0\0\0", 9);
  connection.write(kSettings);
  std::string seen;
  while (seen.find(std::string_view("\x01\x04\0\0\0\x01", 6)) == std::string::npos) {
    const std::string more = connection.read_some(16 << 10);
    if (more.empty()) return;
    seen += more;
  }
  connection.write(after_headers);
  connection.drain();
}

void expect_http1_for_the_second_attempt(const CurlWireSettings& wanted, const Parcel& parcel,
                                         WireRig& rig, int status) {
  rig.send(parcel);
  const WireAnswer first = rig.only_answer();
  EXPECT_EQ(first.failure, TransportFailure::kReset) << first.text_view();
  EXPECT_FALSE(first.body_sent);
  rig.send(parcel);
  const WireAnswer second = rig.only_answer();
  EXPECT_EQ(second.failure, TransportFailure::kNone) << second.text_view();
  EXPECT_EQ(second.status, status);
  EXPECT_EQ(wanted.http_version, HttpVersion::kAuto);
}

TEST_F(CurlWireTls, SendsAParcelOverHttp1WhenHttp2LostTheEarlyRefusal) {
  // HEADERS with END_STREAM and ":status: 413", RST_STREAM with NO_ERROR.
  constexpr std::string_view kRefusal(
      "\0\0\x05\x01\x05\0\0\0\x01\x08\x03"
      "413"
      "\0\0\x04\x03\0\0\0\0\x01\0\0\0\0",
      27);
  RawPeer peer(
      [&](PeerConnection& connection) {
        if (connection.protocol() == "h2") return speak_http2(connection, kRefusal);
        connection.read_head();
        connection.write("HTTP/1.1 413 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        connection.drain();
      },
      TestPki::server(pki_.issue("both", "IP:127.0.0.1"), "\x02h2\x08http/1.1"));
  const CurlWireSettings wanted = settings(peer.url("https"));
  WireRig rig(wanted);
  expect_http1_for_the_second_attempt(wanted, rig.parcel(4 << 20), rig, 413);
}

TEST_F(CurlWireTls, SNK_18_SendsAParcelOverHttp1WhenThePeerDemandsIt) {
  // RST_STREAM with HTTP_1_1_REQUIRED.
  constexpr std::string_view kDemand("\0\0\x04\x03\0\0\0\0\x01\0\0\0\x0d", 13);
  RawPeer peer(
      [&](PeerConnection& connection) {
        if (connection.protocol() == "h2") return speak_http2(connection, kDemand);
        while (connection.read_request() && connection.write(kOk)) {
        }
      },
      TestPki::server(pki_.issue("both", "IP:127.0.0.1"), "\x02h2\x08http/1.1"));
  const CurlWireSettings wanted = settings(peer.url("https"));
  WireRig rig(wanted);
  expect_http1_for_the_second_attempt(wanted, rig.parcel(200'000), rig, 200);
}

class CurlWireNginx : public CurlWireTls {
 protected:
  CurlWireNginx() : nginx_(directory_.path(), pki_.issue("nginx", "IP:127.0.0.1")) {
    EXPECT_TRUE(nginx_.ready());
  }

  struct Log {
    std::map<std::string, int> statuses;
    std::map<std::string, int> connections;
    std::map<std::string, int> keys;
    std::map<std::string, int> protocols;
  };
  Log log() const {
    Log log;
    std::istringstream in(nginx_.access_log());
    std::string protocol;
    std::string status;
    std::string connection;
    std::string bytes;
    std::string key;
    while (in >> protocol >> status >> connection >> bytes >> key) {
      ++log.protocols[protocol];
      ++log.statuses[status];
      ++log.connections[connection];
      ++log.keys[key];
    }
    return log;
  }
  void deliver(WireRig& rig, size_t count, size_t bytes_max) {
    size_t sent = 0;
    size_t ok = 0;
    size_t seen = 0;
    const auto fill = [&] {
      for (; seen < rig.answers.size(); ++seen) {
        const WireAnswer& answer = rig.answers[seen];
        EXPECT_EQ(answer.status, 200) << answer.text_view();
        ok += answer.status == 200 && answer.body_sent;
      }
      for (; sent < count && sent - seen < rig.settings.window; ++sent) {
        rig.send((sent * 104'729) % bytes_max);
      }
      return seen == count;
    };
    EXPECT_TRUE(rig.run_until(fill, 60_s));
    EXPECT_EQ(ok, count);
  }

  // nginx logs a request after its answer.
  Log log_of(WireRig& rig, size_t requests) {
    EXPECT_TRUE(rig.run_until([&] { return log().keys.size() >= requests; }, 5_s));
    return log();
  }

  NginxProcess nginx_;
};

TEST_F(CurlWireNginx, TakesHttp1KeepAlive) {
  WireRig rig(settings_for(nginx_.clear_url()));
  deliver(rig, 200, 300'000);
  Log log = log_of(rig, 200);
  EXPECT_LE(log.connections.size(), 4u);
  EXPECT_EQ(log.protocols["HTTP/1.1"], 200);
  EXPECT_EQ(log.keys.size(), 200u);
}

TEST_F(CurlWireNginx, TakesHttp2OverTlsOnOneConnection) {
  WireRig rig(settings(nginx_.tls_url()));
  deliver(rig, 300, 600'000);
  Log log = log_of(rig, 300);
  EXPECT_EQ(log.protocols["HTTP/2.0"], 300);
  EXPECT_EQ(log.connections.size(), 1u);
  EXPECT_EQ(log.keys.size(), 300u);
}

TEST_F(CurlWireNginx, TakesHttp1OverTlsWhenToldTo) {
  CurlWireSettings wanted = settings(nginx_.tls_url());
  wanted.http_version = HttpVersion::kHttp1;
  WireRig rig(wanted);
  deliver(rig, 100, 600'000);
  EXPECT_EQ(log_of(rig, 100).protocols["HTTP/1.1"], 100);
}

TEST_F(CurlWireNginx, RefusesALargeBodyEarlyOverHttp1) {
  WireRig rig(settings_for(nginx_.clear_url()));
  const WireAnswer answer = rig.exchange(12 << 20);
  EXPECT_EQ(answer.status, 413) << answer.text_view();
  EXPECT_FALSE(answer.body_sent);
  EXPECT_EQ(rig.exchange(1000).status, 200);
}

TEST_F(CurlWireNginx, RefusesALargeBodyEarlyOverHttp2) {
  WireRig rig(settings(nginx_.tls_url()));
  const WireAnswer answer = rig.exchange(12 << 20);
  EXPECT_EQ(answer.status, 413) << answer.text_view();
  EXPECT_EQ(answer.failure, TransportFailure::kNone);
  EXPECT_FALSE(answer.body_sent);
  EXPECT_EQ(rig.exchange(1000).status, 200);
}

TEST_F(CurlWireNginx, IsNotFollowedElsewhere) {
  std::string url = nginx_.tls_url();
  url.replace(url.find("/ingest"), std::string::npos, "/moved");
  WireRig rig(settings(url));
  EXPECT_EQ(rig.exchange(1000).status, 301);
  EXPECT_EQ(log_of(rig, 1).statuses["301"], 1);
}

}  // namespace
}  // namespace sluice

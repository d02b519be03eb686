// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 in clear text against scripted peers.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <mutex>

#include "platform/curl_wire_rig.h"
#include "servers/loopback.h"
#include "servers/raw_peer.h"

namespace sluice {
namespace {

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::string body_text(const Parcel& parcel) {
  return std::string(reinterpret_cast<const char*>(parcel.body.get()), parcel.body_bytes);
}

// Answers every request of every connection with `answer`.
RawPeer::Script always(std::string answer) {
  return [answer](PeerConnection& peer) {
    while (peer.read_request() && peer.write(answer)) {
    }
  };
}

TEST(CurlWireHttp1, SendsTheBodyAndTheHeadersOfTheContract) {
  std::mutex mutex;
  std::optional<PeerConnection::Request> seen;
  RawPeer peer([&](PeerConnection& connection) {
    std::optional<PeerConnection::Request> request = connection.read_request();
    {
      const std::lock_guard lock(mutex);
      seen = request;
    }
    connection.write(kOk);
    connection.drain();
  });
  CurlWireSettings settings = settings_for(peer.url());
  settings.headers = {{"Authorization", Secret("Bearer s3cr3t")},
                      {"X-Empty", Secret("")},
                      {"content-length", Secret("7")},
                      {"Expect", Secret("100-continue")}};
  WireRig rig(settings);
  Parcel& parcel = rig.parcel(300'000);
  parcel.key = Digest128{0x0123456789abcdefu, 0xfedcba9876543210u};
  rig.send(parcel);
  const WireAnswer answer = rig.only_answer();

  EXPECT_EQ(answer.failure, TransportFailure::kNone);
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body_sent);
  EXPECT_EQ(answer.sent_bytes, Bytes(300'000));
  EXPECT_EQ(answer.ticket, 1u);
  EXPECT_EQ(answer.text_view(), "ok");
  EXPECT_GT(answer.took, 0_s);
  EXPECT_LT(answer.retry_after, 0_s);
  const std::lock_guard lock(mutex);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->head.substr(0, seen->head.find("\r\n")), "POST /ingest HTTP/1.1");
  EXPECT_EQ(header_value(seen->head, "Content-Type"), "application/json");
  EXPECT_EQ(header_value(seen->head, "Content-Encoding"), "gzip");
  EXPECT_EQ(header_value(seen->head, "Content-Length"), "300000");
  EXPECT_EQ(header_value(seen->head, "Idempotency-Key"), "fedcba98765432100123456789abcdef");
  EXPECT_EQ(header_value(seen->head, "User-Agent"), "sluice/" SLUICE_VERSION);
  EXPECT_EQ(header_value(seen->head, "Authorization"), "Bearer s3cr3t");
  EXPECT_EQ(header_value(seen->head, "X-Empty"), "");
  EXPECT_EQ(header_value(seen->head, "Expect"), std::nullopt);
  EXPECT_TRUE(seen->body == body_text(parcel));
}

TEST(CurlWireHttp1, LeavesOutTheEncodingOfAPlainBodyAndLetsTheUserNameTheType) {
  std::mutex mutex;
  std::string head;
  RawPeer peer([&](PeerConnection& connection) {
    const auto request = connection.read_request();
    {
      const std::lock_guard lock(mutex);
      if (request) head = request->head;
    }
    connection.write(kOk);
    connection.drain();
  });
  CurlWireSettings settings = settings_for(peer.url());
  settings.headers = {{"content-type", Secret("text/x-own")}};
  WireRig rig(settings);
  Parcel& parcel = rig.parcel(10);
  parcel.content_encoding = {};
  rig.send(parcel);
  EXPECT_EQ(rig.only_answer().status, 200);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(header_value(head, "Content-Encoding"), std::nullopt);
  EXPECT_EQ(header_value(head, "Content-Type"), "text/x-own");
  EXPECT_EQ(head.find("application/json"), std::string::npos);
}

TEST(CurlWireHttp1, KeepsOneConnectionForRequestsInSequence) {
  RawPeer peer(always(std::string(kOk)));
  WireRig rig(settings_for(peer.url()));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(rig.exchange(20'000).status, 200);
  EXPECT_EQ(peer.connections(), 1);
  EXPECT_EQ(rig.wire->connections(), 1u);
}

TEST(CurlWireHttp1, AnswersAnEmptyBody) {
  RawPeer peer(always(std::string(kOk)));
  WireRig rig(settings_for(peer.url()));
  const WireAnswer answer = rig.exchange(0);
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body_sent);
}

TEST(CurlWireHttp1, SNK_2_ReportsAResetInTheMiddleOfTheBody) {
  RawPeer peer([](PeerConnection& connection) {
    connection.read_head();
    connection.read_some(10'000);
    connection.reset();
  });
  WireRig rig(settings_for(peer.url()));
  const WireAnswer answer = rig.exchange(8 << 20);
  EXPECT_EQ(answer.failure, TransportFailure::kReset);
  EXPECT_EQ(answer.status, 0);
  EXPECT_FALSE(answer.body_sent);
  EXPECT_LT(answer.sent_bytes, Bytes(8 << 20));
  EXPECT_FALSE(answer.text_view().empty());
  EXPECT_EQ(peer.connections(), 1);
}

TEST(CurlWireHttp1, SNK_3_GivesUpOnASilentPeerAtTheTotalDeadline) {
  RawPeer peer([](PeerConnection& connection) { connection.drain(); });
  CurlWireSettings settings = settings_for(peer.url());
  settings.request_timeout = 300_ms;
  WireRig rig(settings);
  const WireAnswer answer = rig.exchange(50'000);
  EXPECT_EQ(answer.failure, TransportFailure::kTimeout);
  EXPECT_TRUE(answer.body_sent);
  EXPECT_EQ(answer.status, 0);
  EXPECT_GE(answer.took, 300_ms);
  EXPECT_LT(answer.took, 5_s);
  EXPECT_EQ(rig.wire->connections(), 0u);
}

TEST(CurlWireHttp1, SNK_5_GivesUpOnAnAnswerOfOneByteAtATimeAtTheTotalDeadline) {
  std::atomic<bool> stop{false};
  RawPeer peer([&](PeerConnection& connection) {
    connection.read_request();
    connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    while (!stop && connection.write("x")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  });
  CurlWireSettings settings = settings_for(peer.url());
  settings.request_timeout = 400_ms;
  WireRig rig(settings);
  const WireAnswer answer = rig.exchange(1000);
  stop = true;
  EXPECT_EQ(answer.failure, TransportFailure::kTimeout);
  EXPECT_EQ(answer.status, 200);  // known, but the answer is not complete
  EXPECT_LT(answer.took, 5_s);
}

TEST(CurlWireHttp1, TellsThatTheBodyWasNotSentWhenARefusalCameEarly) {
  RawPeer peer(
      [](PeerConnection& connection) {
        connection.read_head();
        connection.write(
            "HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large");
        connection.drain();
      },
      {nullptr, SSL_CTX_free}, 4096);
  WireRig rig(settings_for(peer.url()));
  const WireAnswer answer = rig.exchange(16 << 20);
  EXPECT_EQ(answer.failure, TransportFailure::kNone);
  EXPECT_EQ(answer.status, 413);
  EXPECT_FALSE(answer.body_sent);
  EXPECT_LT(answer.sent_bytes, Bytes(16 << 20));
  EXPECT_EQ(answer.text_view(), "too large");
}

TEST(CurlWireHttp1, TellsThatTheBodyWasNotSentWhenASuccessCameEarlyAndTheConnectionCloses) {
  RawPeer peer(
      [](PeerConnection& connection) {
        connection.read_head();
        connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        connection.drain();
      },
      {nullptr, SSL_CTX_free}, 4096);
  WireRig rig(settings_for(peer.url()));
  const WireAnswer answer = rig.exchange(16 << 20);
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.body_sent);
}

TEST(CurlWireHttp1, SNK_14_PassesOverInterimAnswers) {
  RawPeer peer([](PeerConnection& connection) {
    connection.read_head();
    connection.write("HTTP/1.1 100 Continue\r\nRetry-After: 9\r\n\r\n");
    connection.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    connection.read_some(1 << 20);
    connection.write("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
    connection.drain();
  });
  WireRig rig(settings_for(peer.url()));
  const WireAnswer answer = rig.exchange(1000);
  EXPECT_EQ(answer.failure, TransportFailure::kNone);
  EXPECT_EQ(answer.status, 202);
  EXPECT_LT(answer.retry_after, 0_s) << "that of an interim answer does not count";
}

TEST(CurlWireHttp1, ReadsChunkedAnswersAndKeepsTheConnection) {
  RawPeer peer(
      always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
             "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"));
  WireRig rig(settings_for(peer.url()));
  EXPECT_EQ(rig.exchange(1000).text_view(), "hello world");
  EXPECT_EQ(rig.exchange(1000).status, 200);
  EXPECT_EQ(peer.connections(), 1);
}

TEST(CurlWireHttp1, SNK_13_CallsAnIllChunkedAnswerAFailureAndSaysItsStatus) {
  RawPeer peer(always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"));
  WireRig rig(settings_for(peer.url()));
  const WireAnswer answer = rig.exchange(1000);
  EXPECT_NE(answer.failure, TransportFailure::kNone);
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body_sent);
}

TEST(CurlWireHttp1, SEC_9_ReadsNoMoreThanItMustOfAnEndlessAnswer) {
  std::atomic<uint64_t> written{0};
  RawPeer peer([&](PeerConnection& connection) {
    connection.read_request();
    connection.write("HTTP/1.1 500 Broken\r\n\r\n");
    const std::string page(16 << 10, 'e');
    while (written < (64u << 20) && connection.write(page)) written += page.size();
  });
  WireRig rig(settings_for(peer.url()));
  const WireAnswer answer = rig.exchange(1000);
  EXPECT_EQ(answer.failure, TransportFailure::kNone);
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.text_view(), std::string(199, 'e'));
  EXPECT_EQ(rig.wire->connections(), 0u);
  EXPECT_LT(written.load(), 64u << 20);
}

TEST(CurlWireHttp1, ShowsOnlyThePrintablePartOfAnAnswer) {
  RawPeer peer(always("HTTP/1.1 400 Bad\r\nContent-Length: 15\r\n\r\n\x1b[2Jgo\r\n  away!"));
  WireRig rig(settings_for(peer.url()));
  EXPECT_EQ(rig.exchange(10).text_view(), "?[2Jgo away!");
}

TEST(CurlWireHttp1, PassesOnRetryAfter) {
  RawPeer peer([](PeerConnection& connection) {
    for (const char* header : {"Retry-After: 7\r\n", "Retry-After: -3\r\n", "X: y\r\n",
                               "Retry-After: Wed, 21 Oct 2015 07:28:30 GMT\r\nDate: Wed, 21 Oct "
                               "2015 07:28:00 GMT\r\n"}) {
      if (!connection.read_request()) return;
      connection.write(std::string("HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n") + header + "\r\n");
    }
    connection.drain();
  });
  WireRig rig(settings_for(peer.url()));
  EXPECT_EQ(rig.exchange(10).retry_after, 7_s);
  EXPECT_LT(rig.exchange(10).retry_after, 0_s);
  EXPECT_LT(rig.exchange(10).retry_after, 0_s);
  EXPECT_EQ(rig.exchange(10).retry_after, 30_s);
}

TEST(CurlWireHttp1, SNK_26_OpensANewConnectionWhenThePooledOneWasClosed) {
  RawPeer peer([](PeerConnection& connection) {
    if (connection.read_request()) connection.write(kOk);
    connection.close();
  });
  WireRig rig(settings_for(peer.url()));
  for (int i = 0; i < 5; ++i) {
    const WireAnswer answer = rig.exchange(1000);
    EXPECT_EQ(answer.failure, TransportFailure::kNone) << answer.text_view();
    EXPECT_EQ(answer.status, 200);
    rig.run_for(20_ms);  // the FIN is there before the next request
  }
  EXPECT_EQ(peer.connections(), 5);
}

TEST(CurlWireHttp1, SNK_26_DoesNotRepeatByItselfWhatLeftOnAConnectionThatClosedMeanwhile) {
  RawPeer peer([](PeerConnection& connection) {
    if (connection.index() > 0) return always(std::string(kOk))(connection);
    if (connection.read_request()) connection.write(kOk);
    connection.read_request();  // the second one is taken, but never answered
    connection.close();
  });
  WireRig rig(settings_for(peer.url()));
  EXPECT_EQ(rig.exchange(1000).status, 200);
  const WireAnswer answer = rig.exchange(1000);
  EXPECT_EQ(answer.failure, TransportFailure::kReset);
  EXPECT_EQ(answer.status, 0);
  EXPECT_EQ(answer.sent_bytes, Bytes(1000));
  EXPECT_EQ(rig.exchange(1000).status, 200);
}

TEST(CurlWireHttp1, ReportsRefusedConnectionsToAllThatWaited) {
  uint16_t port = 0;
  ::close(listen_on_loopback(port));
  WireRig rig(settings_for("http://127.0.0.1:" + std::to_string(port) + "/"));
  for (int i = 0; i < 4; ++i) rig.send(100);
  ASSERT_TRUE(rig.run_until_answers(4, 10_s));
  for (const WireAnswer& answer : rig.answers) {
    EXPECT_EQ(answer.failure, TransportFailure::kConnect);
    EXPECT_FALSE(answer.body_sent);
    EXPECT_EQ(answer.sent_bytes, Bytes(0));
    EXPECT_NE(answer.text_view().find("127.0.0.1"), std::string_view::npos) << answer.text_view();
  }
  EXPECT_EQ(rig.loop.watched(), 0u);
}

TEST(CurlWireHttp1, SNK_21_ReportsANameThatDoesNotResolveWithoutBlockingTheLoop) {
  WireRig rig(settings_for("http://sluice-test.invalid/"));
  const MonoTime before = rig.clock.mono();
  rig.send(100);
  rig.wire->turn(rig.clock.mono());
  EXPECT_LT(rig.clock.mono() - before, 200_ms);
  EXPECT_EQ(rig.only_answer().failure, TransportFailure::kResolve);
}

TEST(CurlWireHttp1, CallsWhatIsNotHttpAProtocolFailure) {
  RawPeer peer(always("SSH-2.0-OpenSSH_9.2\r\n\r\n"));
  WireRig rig(settings_for(peer.url()));
  const WireAnswer answer = rig.exchange(10);
  EXPECT_EQ(answer.failure, TransportFailure::kProtocol) << answer.text_view();
  EXPECT_EQ(answer.status, 0);
}

TEST(CurlWireHttp1, AbandonsWhatIsOpenAndWhatWaits) {
  RawPeer peer([](PeerConnection& connection) { connection.drain(); });
  CurlWireSettings settings = settings_for(peer.url());
  settings.connections_max = 2;
  WireRig rig(settings);
  for (int i = 0; i < 4; ++i) rig.send(1000);
  EXPECT_TRUE(rig.run_until([&] { return peer.connections() == 2; }));
  rig.wire->abandon_all();
  ASSERT_TRUE(rig.run_until_answers(4));
  for (const WireAnswer& answer : rig.answers) {
    EXPECT_EQ(answer.failure, TransportFailure::kAbandoned);
  }
  EXPECT_EQ(rig.wire->turn(rig.clock.mono()), kNever);
  rig.answers.clear();
  EXPECT_EQ(rig.loop.watched(), 0u);
}

// Sets a variable for one test, after its rig has cleared those of the machine.
struct Variable {
  Variable(const char* variable, const std::string& value) : name(variable) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name); }
  const char* const name;
};

TEST(CurlWireHttp1, GoesThroughTheProxyOfTheEnvironment) {
  std::mutex mutex;
  std::string head;
  RawPeer proxy([&](PeerConnection& connection) {
    while (const auto request = connection.read_request()) {
      {
        const std::lock_guard lock(mutex);
        head = request->head;
      }
      connection.write(kOk);
    }
  });
  WireRig rig(settings_for("http://sluice-test.invalid/ingest"));
  const Variable variable("http_proxy", proxy.url());
  EXPECT_EQ(rig.exchange(1000).status, 200);
  EXPECT_EQ(rig.exchange(1000).status, 200);
  EXPECT_EQ(proxy.connections(), 1);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(head.substr(0, head.find("\r\n")), "POST http://sluice-test.invalid/ingest HTTP/1.1");
}

TEST(CurlWireHttp1, SNK_27_ReportsAProxyThatRefusesTheTunnelAndShowsNoCredentials) {
  RawPeer proxy([](PeerConnection& connection) {
    while (connection.read_head() &&
           connection.write("HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")) {
    }
  });
  WireRig rig(settings_for("https://sluice-test.invalid/ingest"));
  const Variable variable("https_proxy",
                          "http://user:s3cr3t@127.0.0.1:" + std::to_string(proxy.port()));
  const WireAnswer answer = rig.exchange(1000);
  EXPECT_EQ(answer.failure, TransportFailure::kNone) << answer.text_view();
  EXPECT_EQ(answer.status, 407);
  EXPECT_FALSE(answer.body_sent);
  EXPECT_EQ(answer.sent_bytes, Bytes(0));
  EXPECT_NE(answer.text_view().find("407"), std::string_view::npos) << answer.text_view();
  EXPECT_EQ(answer.text_view().find("s3cr3t"), std::string_view::npos);
}

TEST(CurlWireHttp1, EndsCleanlyWithRequestsOpen) {
  RawPeer peer([](PeerConnection& connection) { connection.drain(); });
  WireRig rig(settings_for(peer.url()));
  for (int i = 0; i < 4; ++i) rig.send(1000);
  EXPECT_TRUE(rig.run_until([&] { return peer.received_bytes() > 1000; }));
  rig.wire.reset();
  EXPECT_EQ(rig.loop.watched(), 0u);
}

TEST(CurlWireHttp1, SleepsWhenNothingIsOpen) {
  RawPeer peer(always(std::string(kOk)));
  WireRig rig(settings_for(peer.url()));
  EXPECT_EQ(rig.exchange(1000).status, 200);
  EXPECT_EQ(rig.wire->turn(rig.clock.mono()), kNever);
  EXPECT_EQ(rig.loop.watched(), 0u);
}

TEST(CurlWireHttp1, DeliversThousandsOfBodiesWhole) {
  std::atomic<uint64_t> sum{0};
  RawPeer peer([&](PeerConnection& connection) {
    while (const auto request = connection.read_request()) {
      uint64_t of_body = 0;
      for (const char c : request->body) of_body += static_cast<unsigned char>(c);
      sum += of_body;
      if (!connection.write(kOk)) return;
    }
  });
  WireRig rig(settings_for(peer.url()));
  uint64_t expected = 0;
  size_t sent = 0;
  size_t ok = 0;
  const auto fill = [&] {
    for (const WireAnswer& answer : rig.answers) ok += answer.status == 200 && answer.body_sent;
    size_t free = rig.answers.size() + (sent == 0 ? 4 : 0);
    rig.answers.clear();
    for (; free > 0 && sent < 2000; --free, ++sent) {
      Parcel& parcel = rig.parcel((sent * 7919) % 150'000);
      for (const std::byte b : parcel.bytes()) expected += static_cast<uint64_t>(b);
      rig.send(parcel);
    }
    return ok == 2000;
  };
  EXPECT_TRUE(rig.run_until(fill, 60_s)) << ok;
  EXPECT_EQ(sum.load(), expected);
  EXPECT_LE(peer.connections(), 4);
}

TEST(CurlWireSettingsCheck, NamesWhatIsWrong) {
  PollLoop loop;
  SystemClock clock;
  const auto refused = [&](const CurlWireSettings& settings) {
    const auto made = CurlWire::create(settings, loop, clock);
    return made.ok() ? std::string() : made.error().message();
  };
  EXPECT_EQ(refused(settings_for("127.0.0.1:80/x")), "endpoint is not a URL");
  EXPECT_NE(refused(settings_for("file:///etc/passwd")), "");
  EXPECT_NE(refused(settings_for("ftp://127.0.0.1/")), "");
  EXPECT_NE(refused(settings_for("")), "");
  CurlWireSettings settings = settings_for("https://127.0.0.1/");
  settings.tls.ca_file = "/nonexistent/ca.pem";
  EXPECT_EQ(refused(settings), "tls_ca: No such file or directory");
  settings = settings_for("https://127.0.0.1/");
  settings.headers = {{"X-Bad", Secret("a\r\nInjected: yes")}};
  EXPECT_NE(refused(settings).find("header"), std::string::npos);
  EXPECT_EQ(refused(settings).find("Injected"), std::string::npos);
  settings.headers = {{"Bad Name", Secret("a")}};
  EXPECT_NE(refused(settings), "");
}

}  // namespace
}  // namespace sluice

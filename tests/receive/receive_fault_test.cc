// SPDX-License-Identifier: Apache-2.0
// receive_fault_test.cc — injected faults as a client sees them, and the end of a receiver.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include "receiver_fixture.h"

namespace sluice {
namespace {

// Exit codes of curl.
constexpr int kCurlRefused = 7, kCurlTimeout = 28, kCurlNoAnswer = 52, kCurlReset = 56;

bool is_reset(int code) {
  return code == kCurlReset || code == kCurlNoAnswer || code == 55 || code == 16 || code == 92;
}

double seconds_of(const std::function<void()>& action) {
  const auto begin = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

TEST_F(ReceiverTest, FaultStatusAnswersWithoutStoring) {
  start({"--out", directory_ / "out", "--fault", "status=429:1,retry-after=2"});
  const CommandResult answer = curl("-i " + json_post(body_file({"x"})));
  EXPECT_NE(answer.output.find("HTTP/1.1 429 Too Many Requests"), std::string::npos);
  EXPECT_NE(answer.output.find("retry-after: 2"), std::string::npos) << answer.output;
  EXPECT_NE(curl("--http2-prior-knowledge " + json_post(body_file({"x"}))).output.find("[429 2]"),
            std::string::npos);
  EXPECT_EQ(stat("faults_injected"), 2u);
  EXPECT_EQ(stat("lines"), 0u);
  EXPECT_EQ(stored(), "");
}

TEST_F(ReceiverTest, FaultDelayStoresAndAnswersLate) {
  start({"--out", directory_ / "out", "--fault", "delay=300ms"});
  const double took = seconds_of(
      [&] { EXPECT_EQ(curl(json_post(body_file({"x"}))).output, "{\"lines\":1}\n[200 1.1]"); });
  EXPECT_GE(took, 0.3);
  EXPECT_EQ(stored(), "x\n");
}

// The answer to the first is given between two turns of the loop, and the next is read only after
// it.
TEST_F(ReceiverTest, ConnectionGoesOnAtOnceAfterALateAnswer) {
  start({"--out", directory_ / "out", "--fault", "delay=20ms"});
  const CommandResult answers = curl("-m 5 " + json_post(body_file({"x"})) + " " + url());
  EXPECT_EQ(answers.code, 0) << answers.output;
  EXPECT_EQ(stored(), "x\nx\n");
}

TEST_F(ReceiverTest, FaultHangNeverAnswersAndLetsGoOfClientsThatLeave) {
  start({"--out", directory_ / "out", "--fault", "hang"});
  EXPECT_EQ(curl("-m 0.5 " + json_post(body_file({"x"}))).code, kCurlTimeout);
  EXPECT_EQ(curl("-m 0.5 --http2-prior-knowledge " + json_post(body_file({"x"}))).code,
            kCurlTimeout);
  EXPECT_TRUE(eventually([&] { return stat("connections") == 1; })) << "only the one that asks";
  EXPECT_EQ(stored(), "");
  EXPECT_EQ(stop(), 0);
}

TEST_F(ReceiverTest, FaultResetInTheBodyStoresNothing) {
  start({"--out", directory_ / "out", "--fault", "reset=body"});
  EXPECT_TRUE(is_reset(curl(json_post(body_file({"x"}))).code));
  EXPECT_TRUE(is_reset(curl("--http2-prior-knowledge " + json_post(body_file({"x"}))).code));
  EXPECT_EQ(stat("lines"), 0u);
  EXPECT_EQ(stored(), "");
}

TEST_F(ReceiverTest, FaultResetInTheResponseStoresFirstSoThatOnlyAKeyPreventsADuplicate) {
  start({"--out", directory_ / "out", "--dedupe", "--fault", "reset=response:0.5", "--seed", "3"});
  const std::string post = "-H 'Idempotency-Key: k' " + json_post(body_file({"x"}));
  int failures = 0, successes = 0;
  for (int i = 0; i < 12; ++i) (is_reset(curl(post).code) ? failures : successes) += 1;
  EXPECT_GT(failures, 0);
  EXPECT_GT(successes, 0);
  EXPECT_EQ(stored(), "x\n");
}

TEST_F(ReceiverTest, TheSameSeedDecidesTheSame) {
  const auto decisions = [&](const std::string& seed) {
    std::string codes;
    start({"--fault", "status=503:0.5", "--seed", seed});
    const std::string post = json_post(body_file({"x"}));
    for (int i = 0; i < 20; ++i) codes += curl(post).output.find("[503") == std::string::npos;
    stop();
    return codes;
  };
  const std::string first = decisions("7");
  EXPECT_EQ(decisions("7"), first);
  EXPECT_NE(decisions("8"), first);
}

TEST_F(ReceiverTest, AnOutageResetsOpenConnectionsRefusesNewOnesAndEnds) {
  start({"--fault", "outage=600ms+900ms"});
  const int idle = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port_));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(idle, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  char byte = 0;
  errno = 0;
  EXPECT_EQ(::read(idle, &byte, 1), -1);  // blocks until the outage begins
  EXPECT_EQ(errno, ECONNRESET);
  ::close(idle);
  EXPECT_EQ(curl(json_post(body_file({"x"}))).code, kCurlRefused);
  EXPECT_TRUE(eventually([&] { return curl(json_post(body_file({"x"}))).code == 0; }));
  EXPECT_EQ(stat("outages"), 1u);
}

TEST_F(ReceiverTest, AStopFinishesRequestsInProgress) {
  start({"--out", directory_ / "out", "--fault", "delay=500ms"});
  const std::string answer = directory_ / "answer";
  const std::string post =
      fmt::format("curl -sS -m 20 {} {} > {} &", json_post(body_file({"last"})), url(), answer);
  ASSERT_EQ(::system(post.c_str()), 0);
  ASSERT_TRUE(eventually([&] { return stored() == "last\n"; }));
  EXPECT_EQ(stop(SIGINT), 0);
  EXPECT_TRUE(eventually([&] { return file_content(answer) == "{\"lines\":1}\n"; }));
  EXPECT_NE(stderr_text().find("1 x 200"), std::string::npos) << stderr_text();
}

TEST_F(ReceiverTest, AStopWaitsForABodyThatIsStillComing) {
  start({"--out", directory_ / "out"});
  const std::string body = body_file(std::vector<std::string>(1000, std::string(200, 'x')));
  const std::string answer = directory_ / "answer";
  // 270 KB at 400 KB/s: the stop comes in the middle of the body.
  const std::string post =
      fmt::format("curl -sS -m 20 --limit-rate 400k {} {} > {} &", json_post(body), url(), answer);
  ASSERT_EQ(::system(post.c_str()), 0);
  ASSERT_TRUE(eventually([&] { return stat("connections") == 2; }));
  ASSERT_EQ(stored(), "");
  EXPECT_EQ(stop(), 0);
  EXPECT_TRUE(eventually([&] { return file_content(answer) == "{\"lines\":1000}\n"; }));
}

TEST_F(ReceiverTest, ASecondSignalDoesNotWaitForRequestsInProgress) {
  start({"--fault", "delay=9s"});
  const std::string post =
      fmt::format("curl -sS -m 20 {} {} > /dev/null 2>&1 &", json_post(body_file({"x"})), url());
  ASSERT_EQ(::system(post.c_str()), 0);
  ASSERT_TRUE(eventually([&] { return stat("lines") == 1; }));
  const double took = seconds_of([&] {
    receiver_->signal(SIGTERM);
    // The port is closed when the first signal has been seen.
    EXPECT_TRUE(eventually([&] { return curl("").code == kCurlRefused; }));
    EXPECT_EQ(stop(), 0);
  });
  EXPECT_LT(took, 5.0);
}

TEST_F(ReceiverTest, AnIdleConnectionDoesNotHoldUpTheStop) {
  start({});
  const int idle = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port_));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(idle, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_LT(seconds_of([&] { EXPECT_EQ(stop(), 0); }), 3.0);
  ::close(idle);
}

}  // namespace
}  // namespace sluice

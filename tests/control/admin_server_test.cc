// SPDX-License-Identifier: Apache-2.0
// admin_server_test.cc — the admin port through real sockets: friends, strangers and garbage.
#include "control/admin_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <simdjson.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <random>
#include <thread>

#include "control/admin_pages.h"

namespace sluice {
namespace {

using SteadyClock = std::chrono::steady_clock;

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

int connect_to(uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
  return fd;
}

// Everything the server says until it closes, or what came within 10 s.
std::string read_all(int fd) {
  std::string answer;
  char piece[4096];
  pollfd polled{.fd = fd, .events = POLLIN, .revents = 0};
  while (::poll(&polled, 1, 10'000) > 0) {
    const ssize_t got = ::recv(fd, piece, sizeof piece, 0);
    if (got <= 0) break;
    answer.append(piece, static_cast<size_t>(got));
  }
  return answer;
}

std::string ask(uint16_t port, const std::string& request) {
  const int fd = connect_to(port);
  (void)!::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
  std::string answer = read_all(fd);
  ::close(fd);
  return answer;
}

std::string get(uint16_t port, const std::string& path, const std::string& headers = "") {
  return ask(port, "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n");
}

std::string body_of(const std::string& answer) {
  const size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

class TestClock final : public Clock {
 public:
  MonoTime mono() override { return MonoTime(1'000'000'000); }
  WallTime wall() override { return WallTime(0); }
};

// A board whose steward answers at once, on the asker's own thread.
struct TestAgent {
  StewardMetrics steward;
  AgentMetricsView view;
  TestClock clock;
  std::mutex mutex;
  AgentStatus status;
  std::atomic<bool> silent{false};
  StatusBoard board{[this] { answer(); }};

  TestAgent() {
    view.steward = &steward;
    view.version = "1.2.3";
    view.io_backend = "pread";
    status.phase = AgentPhase::kRunning;
  }
  void answer() {
    if (silent) return;
    const std::lock_guard lock(mutex);
    const uint64_t ticket = board.begin_survey();
    steward.lag_bytes.set(status.lag.value);
    board.publish(status, ticket);
  }
  void set(AgentStatus next) {
    const std::lock_guard lock(mutex);
    status = std::move(next);
  }
};

class AdminServerTest : public ::testing::Test {
 protected:
  AdminServerTest() {
    std::string problem;
    auto started = AdminServer::start(
        {"127.0.0.1", 0}, make_admin_pages(agent_.view, agent_.board, agent_.clock), problem);
    EXPECT_TRUE(started.ok()) << problem;
    server_ = std::move(started).value();
    port_ = server_->port();
  }

  // The server is as good as new.
  void expect_alive() {
    const std::string answer = get(port_, "/health");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
  }

  TestAgent agent_;
  std::unique_ptr<AdminServer> server_;
  uint16_t port_ = 0;
};

TEST_F(AdminServerTest, ShowsMetricsThatWereSurveyedForThisScrape) {
  for (int64_t lag = 1; lag <= 20; ++lag) {
    agent_.set({.phase = AgentPhase::kRunning, .lag = Bytes(lag)});
    const std::string answer = get(port_, "/metrics");
    ASSERT_TRUE(answer.starts_with("HTTP/1.1 200 "));
    EXPECT_NE(answer.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
              std::string::npos);
    EXPECT_NE(answer.find("\nsluice_source_lag_bytes " + std::to_string(lag) + "\n"),
              std::string::npos);
    EXPECT_NE(answer.find("\nsluice_survey_fresh 1\n"), std::string::npos);
  }
}

TEST_F(AdminServerTest, ShowsTheLastSurveyWhenTheStewardIsSilent) {
  agent_.set({.phase = AgentPhase::kRunning, .lag = Bytes(77)});
  get(port_, "/metrics");
  agent_.silent = true;
  const std::string answer = get(port_, "/metrics");
  EXPECT_NE(answer.find("\nsluice_source_lag_bytes 77\n"), std::string::npos);
  EXPECT_NE(answer.find("\nsluice_survey_fresh 0\n"), std::string::npos);
}

TEST_F(AdminServerTest, HealthTurns503WhileDrainingAndWhenStalled) {
  EXPECT_TRUE(get(port_, "/health").starts_with("HTTP/1.1 200 "));
  agent_.set({.phase = AgentPhase::kDraining, .lag = Bytes(5), .lag_age = Duration(1'500'000'000)});
  std::string answer = get(port_, "/health");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 "));
  EXPECT_NE(answer.find(R"("status":"draining","lag_bytes":5,"lag_seconds":1.500)"),
            std::string::npos);
  agent_.set({.phase = AgentPhase::kRunning, .unhealthy = {"\"a\"\n", "b"}});
  answer = get(port_, "/health");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 "));
  simdjson::dom::parser parser;
  simdjson::dom::element health;
  ASSERT_EQ(parser.parse(body_of(answer)).get(health), simdjson::SUCCESS);
  EXPECT_EQ(std::string_view(health["status"]), "stalled");
  EXPECT_EQ(std::string_view(health["reasons"].at(0)), "\"a\"\n");
}

TEST(HealthPage, IsDegradedWithAReasonWhileLinesAreDeliveredAllTheSame) {
  StatusBoard::Reading reading;
  reading.status = {.phase = AgentPhase::kRunning, .degraded = {"no room"}};
  reading.fresh = true;
  AdminPage page = health_page(reading);
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.body.find(R"("status":"degraded")"), std::string::npos) << page.body;
  EXPECT_NE(page.body.find(R"("reasons":["no room"])"), std::string::npos) << page.body;
  reading.status.unhealthy = {"nobody there"};
  page = health_page(reading);
  EXPECT_EQ(page.status, 503);
  EXPECT_NE(page.body.find(R"("status":"stalled")"), std::string::npos) << page.body;
  EXPECT_NE(page.body.find(R"("reasons":["nobody there","no room"])"), std::string::npos)
      << page.body;
}

TEST(HealthPage, TellsAboutAStewardThatDoesNotAnswer) {
  StatusBoard::Reading reading;
  reading.status.phase = AgentPhase::kRunning;
  reading.age = Duration(9'000'000'000);
  EXPECT_EQ(health_page(reading).status, 200);
  reading.age = Duration(12'000'000'000);
  EXPECT_EQ(health_page(reading).status, 503);
  EXPECT_NE(health_page(reading).body.find("has not answered for 12 s"), std::string::npos);
  reading.fresh = true;
  EXPECT_EQ(health_page(reading).status, 200);
  reading = {.status = {}, .age = StatusBoard::kNoSurvey, .fresh = false};
  EXPECT_NE(health_page(reading).body.find("\"starting\""), std::string::npos);
  EXPECT_EQ(health_page(reading).status, 503);
}

TEST_F(AdminServerTest, HasAnIndexPageAndNoOthers) {
  EXPECT_NE(get(port_, "/").find("href=\"/metrics\""), std::string::npos);
  EXPECT_TRUE(get(port_, "/metrics?x=1").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(get(port_, "/nothing").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(get(port_, "/../etc/passwd").starts_with("HTTP/1.1 404 "));
  EXPECT_EQ(body_of(ask(port_, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n")), "");
}

TEST_F(AdminServerTest, SEC_5_ChangesNothing) {
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS"}) {
    const std::string answer =
        ask(port_,
            std::string(method) + " /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 405 ")) << method << ": " << answer;
  }
}

TEST_F(AdminServerTest, SendsAPageOnceHoweverManyRangesAreAsked) {
  std::string ranges = "Range: bytes=0-";
  for (int i = 0; i < 1000; ++i) ranges += ",0-";
  const size_t whole = get(port_, "/metrics").size();
  EXPECT_LT(get(port_, "/metrics", ranges + "\r\n").size(), whole + 1000);
  EXPECT_LT(get(port_, "/metrics", "Range: bytes=0-,0-,0-,0-\r\n").size(), whole + 1000);
  EXPECT_EQ(get(port_, "/", "Accept-Encoding: br, gzip\r\n").find("Content-Encoding"),
            std::string::npos);
  expect_alive();
}

TEST_F(AdminServerTest, SEC_5_SurvivesGarbage) {
  std::mt19937 random(3);
  std::vector<std::string> garbage = {
      "\r\n\r\n",
      "GET",
      "GET / HTTP/9.9\r\n\r\n",
      std::string(3, '\0') + "\r\n\r\n",
      "GET / HTTP/1.1\r\n: x\r\n\r\n",
      "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
      "GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n",
      "GET /%00%ff%zz HTTP/1.1\r\nHost: x\r\n\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n"};
  for (int i = 0; i < 30; ++i) {
    std::string noise(random() % 3000, '\0');
    for (char& byte : noise) byte = static_cast<char>(random());
    garbage.push_back(noise + "\r\n\r\n");
  }
  for (const std::string& request : garbage) {
    const int fd = connect_to(port_);
    (void)!::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    ::shutdown(fd, SHUT_WR);
    read_all(fd);
    ::close(fd);
  }
  expect_alive();
}

TEST_F(AdminServerTest, SEC_5_EndsASlowRequestWithinItsBound) {
  const auto start = SteadyClock::now();
  const int fd = connect_to(port_);
  std::thread drip([fd] {
    const std::string request = "GET / HTTP/1.1\r\nX: ";
    for (size_t i = 0; i < 200; ++i) {
      const char byte = i < request.size() ? request[i] : 'a';
      if (::send(fd, &byte, 1, MSG_NOSIGNAL) != 1) break;
      pollfd polled{.fd = fd, .events = POLLIN, .revents = 0};
      if (::poll(&polled, 1, 100) > 0) break;
    }
  });
  read_all(fd);
  drip.join();
  ::close(fd);
  EXPECT_LT(seconds_since(start), 10.0);
  expect_alive();
}

TEST_F(AdminServerTest, AnswersAgainAfterSilentClientsHeldEveryThread) {
  std::vector<int> silent;
  for (int i = 0; i < 2; ++i) silent.push_back(connect_to(port_));
  expect_alive();
  for (const int fd : silent) ::close(fd);
}

TEST_F(AdminServerTest, StopsAtOnceUnderOpenConnections) {
  std::vector<int> open;
  for (int i = 0; i < 6; ++i) open.push_back(connect_to(port_));
  // Both threads hold one of them when a further request stays without an answer.
  const std::string request = "GET / HTTP/1.0\r\n\r\n";
  for (bool answered = true; answered;) {
    open.push_back(connect_to(port_));
    (void)!::send(open.back(), request.data(), request.size(), MSG_NOSIGNAL);
    pollfd polled{.fd = open.back(), .events = POLLIN, .revents = 0};
    answered = ::poll(&polled, 1, 50) > 0;
  }
  const auto start = SteadyClock::now();
  server_->stop();
  EXPECT_LT(seconds_since(start), 1.8);
  for (const int fd : open) ::close(fd);
}

TEST_F(AdminServerTest, AnswersWithMoreThanAThousandDescriptorsOpen) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit before = limit;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < 2000) {
    GTEST_SKIP() << "this machine allows too few descriptors";
  }
  std::vector<int> files;
  for (int i = 0; i < 1100; ++i) files.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_GT(files.back(), 1024);
  expect_alive();
  for (const int fd : files) ::close(fd);
  ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST_F(AdminServerTest, NamesTheAddressAndTheRemedyWhenThePortIsTaken) {
  std::string problem;
  const auto second = AdminServer::start(
      {"127.0.0.1", port_}, [](std::string_view) { return std::nullopt; }, problem);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().sys_errno, EADDRINUSE);
  EXPECT_NE(problem.find("127.0.0.1:" + std::to_string(port_)), std::string::npos) << problem;
  EXPECT_NE(problem.find("--admin off"), std::string::npos) << problem;
}

TEST(AdminServer, NamesAnAddressThatIsNotOfThisMachine) {
  for (const char* host : {"192.0.2.1", "no-such-host.invalid"}) {
    std::string problem;
    const auto started = AdminServer::start(
        {host, 0}, [](std::string_view) { return std::nullopt; }, problem);
    ASSERT_FALSE(started.ok());
    EXPECT_NE(problem.find(host), std::string::npos) << problem;
  }
}

TEST(AdminServer, ListensOnAnIpv6Address) {
  std::string problem;
  const auto started = AdminServer::start(
      {"::1", 0}, [](std::string_view) { return std::nullopt; }, problem);
  if (!started.ok()) GTEST_SKIP() << problem;
  EXPECT_NE(started.value()->port(), 0);
}

}  // namespace
}  // namespace sluice

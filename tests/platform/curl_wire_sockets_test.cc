// SPDX-License-Identifier: Apache-2.0
#include "platform/curl_wire_sockets.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <map>

#include "servers/loopback.h"

namespace sluice {
namespace {

using namespace literals;

// Remembers what is watched.
struct RecordingPoller final : FdPoller {
  void watch(int fd, uint32_t poll_events, FdListener*) override { masks[fd] = poll_events; }
  void unwatch(int fd) override { masks.erase(fd); }
  std::map<int, uint32_t> masks;
};

struct Deaf final : FdListener {
  void on_ready(int, uint32_t) override {}
};

class WireSocketsTest : public ::testing::Test {
 protected:
  WireSocketsTest() {
    listener_ = listen_on_loopback(port_);
    curl_sockaddr address{};
    address.family = AF_INET;
    address.socktype = SOCK_STREAM;
    fd_ = sockets.open(address);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port_);
    ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to);
    peer_ = ::accept(listener_, nullptr, nullptr);
  }
  ~WireSocketsTest() override {
    sockets.close(fd_);
    ::close(peer_);
    ::close(listener_);
  }
  uint32_t mask() const { return poller.masks.at(fd_); }
  uint16_t local_port() const {
    sockaddr_in name{};
    socklen_t length = sizeof name;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&name), &length);
    return ntohs(name.sin_port);
  }

  RecordingPoller poller;
  Deaf deaf;
  WireSockets sockets{poller, deaf};
  int listener_ = -1;
  int fd_ = -1;
  int peer_ = -1;
  uint16_t port_ = 0;
  const MonoTime t0{1'000'000'000};
};

TEST_F(WireSocketsTest, SilencesAWriterAfterTwoCallsThatMovedNothing) {
  sockets.want(fd_, POLLIN | POLLOUT);
  sockets.after_write(fd_, false, t0);
  EXPECT_EQ(mask(), uint32_t{POLLIN | POLLOUT});
  sockets.after_write(fd_, false, t0);
  EXPECT_EQ(mask(), uint32_t{POLLIN});
  EXPECT_EQ(sockets.due(t0), t0 + WireSockets::kSilence);
}

TEST_F(WireSocketsTest, ForgivesAnEmptyCallBetweenOnesThatMoveBytes) {
  sockets.want(fd_, POLLIN | POLLOUT);
  for (int i = 0; i < 10; ++i) {
    sockets.after_write(fd_, false, t0);
    sockets.after_write(fd_, true, t0);
  }
  EXPECT_EQ(mask(), uint32_t{POLLIN | POLLOUT});
  EXPECT_EQ(sockets.due(t0), kNever);
}

TEST_F(WireSocketsTest, HearsAgainWhenThePeerSpeaks) {
  sockets.want(fd_, POLLIN | POLLOUT);
  sockets.after_write(fd_, false, t0);
  sockets.after_write(fd_, false, t0);
  sockets.was_readable(fd_, t0 + 1_ms);
  EXPECT_EQ(mask(), uint32_t{POLLIN | POLLOUT});
}

TEST_F(WireSocketsTest, HearsAgainWhenTimeIsUpAndNeedsOneEmptyCallToBeSilentAgain) {
  sockets.want(fd_, POLLIN | POLLOUT);
  sockets.after_write(fd_, false, t0);
  sockets.after_write(fd_, false, t0);
  sockets.turn(t0 + WireSockets::kSilence - 1_ns);
  EXPECT_EQ(mask(), uint32_t{POLLIN});
  sockets.turn(t0 + WireSockets::kSilence);
  EXPECT_EQ(mask(), uint32_t{POLLIN | POLLOUT});
  sockets.after_write(fd_, false, t0 + WireSockets::kSilence);
  EXPECT_EQ(mask(), uint32_t{POLLIN});
}

TEST_F(WireSocketsTest, StaysSilentWhenLibcurlAsksAgain) {
  sockets.want(fd_, POLLIN | POLLOUT);
  sockets.after_write(fd_, false, t0);
  sockets.after_write(fd_, false, t0);
  sockets.want(fd_, POLLIN | POLLOUT);
  EXPECT_EQ(mask(), uint32_t{POLLIN});
}

TEST_F(WireSocketsTest, StartsAfreshWhenAnIdleConnectionIsUsedAgain) {
  sockets.want(fd_, POLLIN | POLLOUT);
  sockets.after_write(fd_, false, t0);
  sockets.after_write(fd_, false, t0);
  sockets.want(fd_, 0);
  EXPECT_TRUE(poller.masks.empty());
  EXPECT_EQ(sockets.connections(), 1u);
  sockets.want(fd_, POLLIN | POLLOUT);
  EXPECT_EQ(mask(), uint32_t{POLLIN | POLLOUT});
}

TEST_F(WireSocketsTest, SeesEveryByteThatTheKernelTakes) {
  sockets.has_written(fd_);
  EXPECT_FALSE(sockets.has_written(fd_));
  ASSERT_EQ(::send(fd_, "x", 1, 0), 1);
  EXPECT_TRUE(sockets.has_written(fd_));
  EXPECT_FALSE(sockets.has_written(fd_));
  // Also what the peer does not read, and what then leaves by itself.
  std::string page(64 << 10, 'p');
  while (::send(fd_, page.data(), page.size(), MSG_DONTWAIT) > 0)
    EXPECT_TRUE(sockets.has_written(fd_));
  EXPECT_FALSE(sockets.has_written(fd_));
  ASSERT_GT(::recv(peer_, page.data(), page.size(), 0), 0);
  EXPECT_FALSE(sockets.has_written(fd_));
}

TEST_F(WireSocketsTest, FindsAConnectionByItsLocalPort) {
  WireSockets::Socket* socket = sockets.find_by_port(local_port());
  ASSERT_NE(socket, nullptr);
  EXPECT_EQ(socket->fd, fd_);
  EXPECT_EQ(sockets.find_by_port(static_cast<uint16_t>(local_port() + 1)), nullptr);
}

TEST_F(WireSocketsTest, TakesAPeerThatStaysQuietAsGreetedInTime) {
  sockets.find_by_port(local_port())->established = true;
  EXPECT_EQ(sockets.greeted(), 0u);
  EXPECT_EQ(sockets.due(t0), t0 + WireSockets::kGreetingMax);
  EXPECT_EQ(sockets.due(t0 + 1_ms), t0 + WireSockets::kGreetingMax);
  sockets.turn(t0 + WireSockets::kGreetingMax);
  EXPECT_EQ(sockets.greeted(), 1u);
}

TEST_F(WireSocketsTest, WaitsForAGreetingWithoutLimitWhenItMustCome) {
  sockets.expect_greetings();
  sockets.find_by_port(local_port())->established = true;
  EXPECT_EQ(sockets.due(t0), kNever);
  sockets.turn(t0 + 3600_s);
  EXPECT_EQ(sockets.greeted(), 0u);
  sockets.was_readable(fd_, t0);
  EXPECT_EQ(sockets.greeted(), 1u);
}

TEST_F(WireSocketsTest, KnowsADisturbedConnection) {
  sockets.find_by_port(local_port())->established = true;
  EXPECT_EQ(sockets.undisturbed(), 1u);
  ASSERT_EQ(::send(peer_, "x", 1, 0), 1);
  EXPECT_EQ(sockets.undisturbed(), 0u);
}

TEST_F(WireSocketsTest, ForgetsTheCreditOfAConnectionThatItBreaksOff) {
  WireSockets::Socket* socket = sockets.find_by_port(local_port());
  socket->established = true;
  socket->requests = 10;
  EXPECT_FALSE(sockets.any_served(11));
  EXPECT_TRUE(sockets.any_served(10));
  sockets.break_off_served(10);
  EXPECT_EQ(sockets.established(), 0u);
  EXPECT_FALSE(sockets.any_served(10));
  char byte = 0;
  EXPECT_EQ(::recv(peer_, &byte, 1, 0), 0);
}

}  // namespace
}  // namespace sluice

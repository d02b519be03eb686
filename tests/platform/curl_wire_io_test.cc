// SPDX-License-Identifier: Apache-2.0
// The wire on the loops that are shipped, the ring and epoll.
#include <gtest/gtest.h>

#include <array>

#include "platform/curl_wire_rig.h"
#include "platform/io_probe.h"
#include "servers/h2_peer.h"
#include "servers/raw_peer.h"

namespace sluice {
namespace {

class CurlWireOnIo : public ::testing::TestWithParam<IoBackend> {
 protected:
  void SetUp() override {
    const UringProbe probe = probe_uring();
    if (GetParam() == IoBackend::kUring && !probe.usable) GTEST_SKIP() << probe.reason;
    Result<LoopIoChoice> made = make_io(GetParam(), probe, LoopIoOptions{});
    ASSERT_TRUE(made.ok());
    io_ = std::move(made->io);
  }

  // Turns the loop until that many answers came, sleeping as long as the wire allows.
  std::vector<WireAnswer> take(CurlWire& wire, size_t count, Duration most) {
    std::vector<WireAnswer> answers;
    const MonoTime end = clock_.mono() + most;
    while (answers.size() < count && clock_.mono() < end) {
      const MonoTime next = wire.turn(clock_.mono());
      std::array<WireAnswer, 4> reaped;
      const size_t got = wire.reap(reaped);
      answers.insert(answers.end(), reaped.begin(), reaped.begin() + got);
      ++turns_;
      if (got == 0) io_->wait(std::min(next, end));
    }
    return answers;
  }

  SystemClock clock_;
  std::unique_ptr<LoopIo> io_;
  uint64_t turns_ = 0;
};

TEST_P(CurlWireOnIo, DeliversOverHttp1) {
  RawPeer peer([](PeerConnection& connection) {
    while (connection.read_request() &&
           connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) {
    }
  });
  WireRig parcels(settings_for(peer.url()));  // only to make parcels
  auto wire = CurlWire::create(settings_for(peer.url()), *io_, clock_);
  ASSERT_TRUE(wire.ok());
  for (int round = 0; round < 20; ++round) {
    for (uint64_t i = 0; i < 4; ++i) (*wire)->send(parcels.parcel(700'000), i, clock_.mono());
    const std::vector<WireAnswer> answers = take(**wire, 4, 10_s);
    ASSERT_EQ(answers.size(), 4u);
    for (const WireAnswer& answer : answers) EXPECT_EQ(answer.status, 200) << answer.text_view();
  }
}

TEST_P(CurlWireOnIo, MeetsTheDeadlineOfASilentPeer) {
  RawPeer peer([](PeerConnection& connection) { connection.drain(); });
  CurlWireSettings settings = settings_for(peer.url());
  settings.request_timeout = 200_ms;
  WireRig parcels(settings);
  auto wire = CurlWire::create(settings, *io_, clock_);
  ASSERT_TRUE(wire.ok());
  (*wire)->send(parcels.parcel(1000), 1, clock_.mono());
  const std::vector<WireAnswer> answers = take(**wire, 1, 5_s);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].failure, TransportFailure::kTimeout);
  EXPECT_LT(turns_, 100u) << "it sleeps until something happens";
}

TEST_P(CurlWireOnIo, TrapA_AnExhaustedFlowControlWindowDoesNotSpin) {
  H2Behaviour behaviour;
  behaviour.update_windows = false;
  H2Peer peer(behaviour);
  CurlWireSettings settings = settings_for(peer.url());
  settings.http_version = HttpVersion::kHttp2;
  WireRig parcels(settings);
  auto wire = CurlWire::create(settings, *io_, clock_);
  ASSERT_TRUE(wire.ok());
  (*wire)->send(parcels.parcel(1 << 20), 1, clock_.mono());
  EXPECT_TRUE(take(**wire, 1, 100_ms).empty());
  const Duration before = thread_cpu();
  turns_ = 0;
  EXPECT_TRUE(take(**wire, 1, 1_s).empty());
  EXPECT_LT(seconds(thread_cpu() - before), 0.10);
  EXPECT_LT(turns_, 300u);
  peer.open_windows();
  const std::vector<WireAnswer> answers = take(**wire, 1, 10_s);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].status, 200);
  EXPECT_TRUE(answers[0].body_sent);
}

INSTANTIATE_TEST_SUITE_P(Both, CurlWireOnIo,
                         ::testing::Values(IoBackend::kUring, IoBackend::kPread),
                         [](const auto& backend) {
                           return backend.param == IoBackend::kUring ? "uring" : "pread";
                         });

}  // namespace
}  // namespace sluice

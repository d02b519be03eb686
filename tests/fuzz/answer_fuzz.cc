// SPDX-License-Identifier: Apache-2.0
// answer_fuzz.cc — any bytes as the answer of a destination, through the real wire.
//
// In:      bytes from libFuzzer, which a server on loopback sends when it has the request.
// Out:     nothing, or an abort: the wire ends with one answer, whose pause and text are within
//          their bounds; only a final 2xx may be judged as delivered, and then the bytes say 2xx.
// Owns:    one server thread for the whole run; a connection per input.
// Why so:  a destination, and whoever stands in between, may answer anything at all.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "../platform/poll_loop.h"
#include "flow/deliver/verdict.h"
#include "platform/curl_wire.h"
#include "platform/curl_wire_answer.h"
#include "platform/system_clock.h"
#include "sluice/check.h"

namespace sluice {
namespace {

using namespace literals;

class Server {
 public:
  Server() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    SLUICE_CHECK(::bind(listener_, generic, size) == 0 && ::listen(listener_, 64) == 0 &&
                     ::getsockname(listener_, generic, &size) == 0,
                 "loopback has a port for us");
    port_ = ntohs(address.sin_port);
    std::thread([this] { serve(); }).detach();  // as long as the process
  }
  uint16_t port() const { return port_; }
  void say(std::string answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }

 private:
  void serve() {
    for (;;) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) continue;
      std::string request;
      std::array<char, 4096> some;
      while (request.find("the-body") == std::string::npos) {
        const ssize_t got = ::recv(fd, some.data(), some.size(), 0);
        if (got <= 0) break;
        request.append(some.data(), static_cast<size_t>(got));
      }
      std::string answer;
      {
        const std::lock_guard lock(mutex_);
        answer = answer_;
      }
      (void)::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      ::shutdown(fd, SHUT_WR);
      ::close(fd);
    }
  }

  const int listener_;
  uint16_t port_ = 0;
  std::mutex mutex_;
  std::string answer_;
};

struct Rig {
  Rig() {
    for (const char* name : {"http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"})
      ::unsetenv(name);
    CurlWireSettings settings;
    settings.endpoint = "http://127.0.0.1:" + std::to_string(server.port()) + "/";
    settings.request_timeout = 2_s;
    settings.http_version = HttpVersion::kHttp1;
    settings.window = 1;
    settings.connections_max = 1;
    wire = CurlWire::create(settings, loop, clock).value();
    const std::string body = "the-body";
    parcel.body_bytes = body.size();
    parcel.body = std::make_unique<std::byte[]>(body.size());
    std::memcpy(parcel.body.get(), body.data(), body.size());
    parcel.content_type = "application/json";
  }

  WireAnswer exchange(const std::string& answer) {
    server.say(answer);
    wire->send(parcel, ++ticket, clock.mono());
    std::array<WireAnswer, 4> answers;
    for (;;) {
      const MonoTime next = wire->turn(clock.mono());
      const size_t count = wire->reap(answers);
      SLUICE_CHECK(count <= 1, "one request has one answer");
      if (count == 1) return answers[0];
      const MonoTime now = clock.mono();
      loop.run_once(std::min(next > now ? next - now : Duration(0), 50_ms));
    }
  }

  Server server;
  SystemClock clock;
  PollLoop loop;
  std::unique_ptr<CurlWire> wire;
  Parcel parcel;
  uint64_t ticket = 0;
};

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  static Rig* const rig = new Rig;  // its thread has no end
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  constexpr Duration kLongest{int64_t{366} * 24 * 3600 * 1'000'000'000};
  const WireAnswer answer = rig->exchange(bytes);
  SLUICE_CHECK(answer.ticket == rig->ticket, "the answer is of the request");
  SLUICE_CHECK(answer.status >= 0 && answer.status <= 999, "a status has three digits");
  SLUICE_CHECK(answer.retry_after <= kLongest, "a pause has a bound");
  SLUICE_CHECK(std::memchr(answer.text.data(), 0, answer.text.size()) != nullptr, "a text ends");
  for (const char c : answer.text_view()) SLUICE_CHECK(c >= ' ' && c <= '~', "a text is printable");
  const Verdict verdict = judge(answer);
  if (verdict.delivered()) {
    SLUICE_CHECK(answer.failure == TransportFailure::kNone && answer.status / 100 == 2,
                 "only a final success delivers");
    SLUICE_CHECK(bytes.find(" 2") != std::string::npos, "and somebody said so");
  }
  const auto pause = parse_retry_after(bytes, bytes, WallTime(1'795'367'417'000'000'000));
  if (pause) SLUICE_CHECK(*pause >= Duration(0) && *pause <= kLongest, "a pause has bounds");
  return 0;
}

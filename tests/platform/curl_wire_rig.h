// SPDX-License-Identifier: Apache-2.0
// curl_wire_rig.h — a CurlWire on a poll loop, as a lane would drive it.
//
// In:      settings, parcels.
// Out:     answers in the order of their arrival; waiting for them with a deadline.
// Owns:    the loop, the wire, the parcels.
// Thread:  the test's.
#pragma once

#include <gtest/gtest.h>
#include <time.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "platform/curl_wire.h"
#include "platform/poll_loop.h"
#include "platform/system_clock.h"

namespace sluice {

using namespace literals;

class WireRig {
 public:
  explicit WireRig(CurlWireSettings wanted) : settings(std::move(wanted)) {
    for (const char* name :
         {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) {
      ::unsetenv(name);
    }
    Result<std::unique_ptr<CurlWire>> made = CurlWire::create(settings, loop, clock);
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message());
    if (made.ok()) wire = std::move(made).value();
  }

  // Incompressible, so that a proxy or a codec in between would show.
  Parcel& parcel(size_t bytes) {
    Parcel& made = *parcels_.emplace_back(std::make_unique<Parcel>());
    made.body = std::make_unique<std::byte[]>(bytes);
    uint64_t state = parcels_.size();
    for (size_t i = 0; i < bytes; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      made.body[i] = static_cast<std::byte>(state >> 56);
    }
    made.body_bytes = bytes;
    made.content_type = "application/json";
    made.content_encoding = "gzip";
    made.key = Digest128{parcels_.size(), 0xabcdef0123456789u};
    return made;
  }

  uint64_t send(size_t bytes) { return send(parcel(bytes)); }
  uint64_t send(const Parcel& parcel) {
    wire->send(parcel, ++tickets_, clock.mono());
    return tickets_;
  }

  // Turns until `done` holds. False when `most` has passed.
  bool run_until(const std::function<bool()>& done, Duration most = 20_s) {
    const MonoTime end = clock.mono() + most;
    for (;;) {
      MonoTime next = wire->turn(clock.mono());
      std::array<WireAnswer, 8> reaped;
      const size_t count = wire->reap(reaped);
      answers.insert(answers.end(), reaped.begin(), reaped.begin() + count);
      if (done()) return true;
      const MonoTime now = clock.mono();
      if (now >= end) return false;
      next = std::min({next, end, now + 5_ms});
      loop.run_once(next > now ? next - now : Duration(0));
    }
  }
  bool run_until_answers(size_t count, Duration most = 20_s) {
    return run_until([&] { return answers.size() >= count; }, most);
  }
  void run_for(Duration time) {
    run_until([] { return false; }, time);
  }
  WireAnswer only_answer(Duration most = 20_s) {
    EXPECT_TRUE(run_until_answers(1, most)) << "no answer came";
    if (answers.empty()) return {};
    const WireAnswer answer = answers.front();
    answers.erase(answers.begin());
    return answer;
  }
  WireAnswer exchange(size_t bytes, Duration most = 20_s) {
    send(bytes);
    return only_answer(most);
  }

  CurlWireSettings settings;
  SystemClock clock;
  PollLoop loop;
  std::unique_ptr<CurlWire> wire;
  std::vector<WireAnswer> answers;

 private:
  std::deque<std::unique_ptr<Parcel>> parcels_;
  uint64_t tickets_ = 0;
};

inline CurlWireSettings settings_for(std::string url) {
  CurlWireSettings settings;
  settings.endpoint = std::move(url);
  return settings;
}

inline Duration thread_cpu() {
  timespec at{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
  return Duration(at.tv_sec * 1'000'000'000 + at.tv_nsec);
}

inline double seconds(Duration duration) {
  return static_cast<double>(duration.value) * 1e-9;
}

// A directory that is gone after the test.
class TestDirectory {
 public:
  TestDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-wire-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~TestDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace sluice

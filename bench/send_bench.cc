// SPDX-License-Identifier: Apache-2.0
// send_bench.cc — what sending costs: CPU seconds per GB of body bytes, beside a bare libcurl loop.
//
// In:      --modes h1,h2c,tls1,tls2, --body-bytes, --gb per run, --pairs, --window, --cpu.
// Out:     a table: median CPU s/GB of CurlWire on the shipped loop, of one easy handle with
//          POSTFIELDS and of as many in a multi handle, in the same run, and the median and range
//          of the ratios.
// Owns:    the sinks, on threads of their own; their CPU is not counted.
// Thread:  the sender is the main thread; CLOCK_THREAD_CPUTIME_ID counts it alone. On the loopback
//          that includes most of the kernel's receiving side.
// Limits:  pairs are interleaved, so that a noisy machine hurts both alike.
// Why so:  "fast" means nothing by itself; the bare loop is what libcurl costs whoever calls it.
#include <curl/curl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "measure/raw_loop.h"
#include "measure/send_loop.h"
#include "platform/io_probe.h"
#include "servers/h2_peer.h"
#include "servers/raw_peer.h"
#include "servers/test_pki.h"

namespace sluice {
namespace {

constexpr size_t kStreamsPerConnection = 800;

struct Arguments {
  std::vector<std::string> modes = {"h1", "h2c", "tls1", "tls2"};
  size_t body_bytes = 256 << 10;
  double gb = 1.0;
  int pairs = 7;
  size_t window = 4;
  int cpu = -1;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Column {
  void add(double value) {
    failed = failed || value < 0;
    values.push_back(value);
  }
  std::vector<double> values;
  bool failed = false;
};

std::string ratio(const Column& above, const Column& below) {
  std::vector<double> ratios;
  for (size_t i = 0; i < above.values.size(); ++i) {
    ratios.push_back(above.values[i] / below.values[i]);
  }
  const auto [low, high] = std::minmax_element(ratios.begin(), ratios.end());
  return fmt::format("{:.2f} ({:.2f} to {:.2f})", median(ratios), *low, *high);
}

// Takes bodies and answers 200. In clear text the bytes are dropped inside the kernel.
void swallow(PeerConnection& connection, bool clear) {
  constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  while (const std::optional<std::string> head = connection.read_head()) {
    size_t left = std::stoul(header_value(*head, "Content-Length").value_or("0"));
    left -= connection.take_buffered(left);
    while (left > 0) {
      size_t got = 0;
      if (clear) {
        const ssize_t dropped = ::recv(connection.fd(), nullptr, left, MSG_TRUNC);
        got = dropped > 0 ? static_cast<size_t>(dropped) : 0;
      } else {
        got = connection.read_some(left).size();
      }
      if (got == 0) return;
      left -= got;
    }
    if (!connection.write(kOk)) return;
  }
}

// One sink of each kind, with windows that never bind.
class Sinks {
 public:
  Sinks() : directory_(std::filesystem::temp_directory_path() / "sluice-send-bench") {
    std::filesystem::create_directories(directory_);
    pki_ = std::make_unique<TestPki>(directory_.string());
    const TestPki::Leaf leaf = pki_->issue("sink", "IP:127.0.0.1");
    H2Behaviour wide;
    wide.stream_window = 4 << 20;
    wide.connection_window_add = 16 << 20;
    h1_ = std::make_unique<RawPeer>([](PeerConnection& c) { swallow(c, true); });
    tls1_ = std::make_unique<RawPeer>([](PeerConnection& c) { swallow(c, false); },
                                      TestPki::server(leaf));
    h2c_ = std::make_unique<H2Peer>(wide);
    tls2_ = std::make_unique<H2Peer>(wide, TestPki::server(leaf, "\x02h2"));
  }
  ~Sinks() { std::filesystem::remove_all(directory_); }
  Sinks(const Sinks&) = delete;
  Sinks& operator=(const Sinks&) = delete;

  std::string url(const std::string& mode) const {
    if (mode == "h1") return h1_->url();
    if (mode == "h2c") return h2c_->url();
    return mode == "tls1" ? tls1_->url("https") : tls2_->url("https");
  }
  const std::string& ca_file() const { return pki_->ca_file(); }

 private:
  std::filesystem::path directory_;
  std::unique_ptr<TestPki> pki_;
  std::unique_ptr<RawPeer> h1_;
  std::unique_ptr<RawPeer> tls1_;
  std::unique_ptr<H2Peer> h2c_;
  std::unique_ptr<H2Peer> tls2_;
};

// An easy handle as anybody would set it up, for one body over and over.
struct BareHandle {
  BareHandle(const std::string& bare_mode, const Sinks& sinks, const Parcel& parcel)
      : mode(bare_mode), easy(curl_easy_init()) {
    headers = curl_slist_append(headers, "Expect:");
    headers = curl_slist_append(headers, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Content-Encoding: gzip");
    curl_easy_setopt(easy, CURLOPT_URL, sinks.url(mode).c_str());
    curl_easy_setopt(easy, CURLOPT_CAINFO, sinks.ca_file().c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(parcel.body_bytes));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, reinterpret_cast<const char*>(parcel.body.get()));
  }
  ~BareHandle() {
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
  }
  BareHandle(const BareHandle&) = delete;
  BareHandle& operator=(const BareHandle&) = delete;

  // libcurl resets every stream after its end, and the sink's library ends a connection after 1,000
  // resets (see CurlWire), so one handle alone replaces its connection before that.
  void prepare(size_t nth_request) {
    const size_t nth = nth_request % kStreamsPerConnection;
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, nth + 1 == kStreamsPerConnection ? 1L : 0L);
    if (mode != "h2c") return;
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     nth == 0 ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE : CURL_HTTP_VERSION_2_0);
  }

  const std::string mode;
  CURL* easy;
  curl_slist* headers = nullptr;
};

// CPU seconds for `count` bodies, one after the other. Negative if a request failed.
double bare_run(const std::string& mode, const Sinks& sinks, const Parcel& parcel, size_t count) {
  BareHandle handle(mode, sinks, parcel);
  const double before = seconds_of_thread_cpu();
  for (size_t i = 0; i < count; ++i) {
    handle.prepare(i);
    if (curl_easy_perform(handle.easy) != CURLE_OK) return -1;
  }
  return seconds_of_thread_cpu() - before;
}

// The same with `window` handles at once, in the loop of libcurl's own examples. HTTP/1.1 only:
// what this loop would need for HTTP/2 is what CurlWire is.
double bare_multi_run(const std::string& mode, const Sinks& sinks, const Parcel& parcel,
                      size_t count, size_t window) {
  CURLM* multi = curl_multi_init();
  std::vector<std::unique_ptr<BareHandle>> handles;
  for (size_t i = 0; i < window; ++i) {
    handles.push_back(std::make_unique<BareHandle>(mode, sinks, parcel));
    curl_multi_add_handle(multi, handles.back()->easy);
  }
  const double before = seconds_of_thread_cpu();
  size_t sent = window;
  size_t answered = 0;
  bool ok = true;
  while (answered < count && ok) {
    int running = 0;
    curl_multi_perform(multi, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      CURL* easy = message->easy_handle;
      ok = ok && message->data.result == CURLE_OK;
      ++answered;
      curl_multi_remove_handle(multi, easy);
      if (sent++ < count) curl_multi_add_handle(multi, easy);
    }
    if (answered < count) curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
  }
  const double spent = seconds_of_thread_cpu() - before;
  for (const auto& handle : handles) curl_multi_remove_handle(multi, handle->easy);
  handles.clear();
  curl_multi_cleanup(multi);
  return ok ? spent : -1;
}

// The same through CurlWire on the shipped loop, `window` requests in flight.
double wire_run(const std::string& mode, const Sinks& sinks, const Parcel& parcel, size_t count,
                size_t window, LoopIo& io) {
  CurlWireSettings settings;
  settings.endpoint = sinks.url(mode);
  settings.http_version = mode == "h2c" ? HttpVersion::kHttp2 : HttpVersion::kAuto;
  settings.tls.ca_file = sinks.ca_file();
  settings.window = window;
  const auto sent = send_bodies(settings, parcel, SendTime{.requests = count}, io);
  if (const auto* figures = std::get_if<SendFigures>(&sent)) return figures->cpu_seconds;
  fmt::print(stderr, "send_bench: {}: {}\n", mode, std::get<std::string>(sent));
  return -1;
}

int measure(const Arguments& arguments) {
  const Sinks sinks;
  if (arguments.cpu >= 0) {  // after the sinks: their threads go where they like
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<size_t>(arguments.cpu), &set);
    ::sched_setaffinity(0, sizeof set, &set);
  }
  Result<LoopIoChoice> made = make_io(IoBackend::kAuto, probe_uring(), LoopIoOptions{});
  if (!made) {
    fmt::print(stderr, "send_bench: {}\n", made.error().message());
    return 1;
  }
  LoopIo& io = *made->io;
  Parcel parcel;
  parcel.body = std::make_unique<std::byte[]>(arguments.body_bytes);
  parcel.body_bytes = arguments.body_bytes;
  parcel.content_type = "application/json";
  parcel.content_encoding = "gzip";
  const auto count =
      static_cast<size_t>(arguments.gb * 1e9 / static_cast<double>(arguments.body_bytes));
  const double gb = static_cast<double>(count * arguments.body_bytes) * 1e-9;
  fmt::print("{} byte bodies, {:.1f} GB a run, {} pairs, window {}, loop {}\n",
             arguments.body_bytes, gb, arguments.pairs, arguments.window, io.backend());
  fmt::print("CPU s per GB of body, median; ratios of the pairs: median, lowest to highest\n");
  fmt::print("{:<6}{:>8}{:>8}{:>24}{:>14}{:>24}\n", "mode", "wire", "easy", "wire/easy", "multi",
             "wire/multi");
  for (const std::string& mode : arguments.modes) {
    Column wire;
    Column easy;
    Column multi;
    const bool http1 = mode == "h1" || mode == "tls1";
    for (int pair = 0; pair < arguments.pairs; ++pair) {
      wire.add(wire_run(mode, sinks, parcel, count, arguments.window, io) / gb);
      easy.add(bare_run(mode, sinks, parcel, count) / gb);
      if (http1) multi.add(bare_multi_run(mode, sinks, parcel, count, arguments.window) / gb);
      if (!wire.failed && !easy.failed && !multi.failed) continue;
      fmt::print(stderr, "send_bench: {}: a request failed\n", mode);
      return 1;
    }
    fmt::print("{:<6}{:>8.3f}{:>8.3f}{:>24}{:>14}{:>24}\n", mode, median(wire.values),
               median(easy.values), ratio(wire, easy),
               http1 ? fmt::format("{:.3f}", median(multi.values)) : "-",
               http1 ? ratio(wire, multi) : "-");
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  sluice::Arguments arguments;
  CLI::App app{"What sending costs, beside a bare libcurl loop"};
  app.add_option("--modes", arguments.modes, "h1, h2c, tls1, tls2")->delimiter(',');
  app.add_option("--body-bytes", arguments.body_bytes);
  app.add_option("--gb", arguments.gb, "body bytes of a run");
  app.add_option("--pairs", arguments.pairs);
  app.add_option("--window", arguments.window, "requests in flight");
  app.add_option("--cpu", arguments.cpu, "pin the sender; the sinks go where they like");
  CLI11_PARSE(app, argc, argv);
  return sluice::measure(arguments);
}

// SPDX-License-Identifier: Apache-2.0
#include "corpus.h"

#include <fmt/format.h>

#include <iterator>

namespace sluice {
namespace {

// splitmix64: the same sequence everywhere, unlike the distributions of <random>.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>((next() >> 32) * bound >> 32); }
  template <size_t N>
  const char* one_of(const char* const (&choices)[N]) {
    return choices[below(N)];
  }

 private:
  uint64_t state_;
};

constexpr const char* kPaths[] = {
    "/",           "/index.html",        "/api/v1/users",    "/api/v1/orders", "/login",
    "/healthz",    "/static/app.css",    "/static/main.js",  "/favicon.ico",   "/api/v2/search",
    "/cart/items", "/images/header.png", "/docs/quickstart", "/metrics",       "/account/settings"};
constexpr const char* kAgents[] = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Safari/605.1.15",
    "curl/8.5.0",
    "Prometheus/2.53.0",
    "kube-probe/1.30"};
constexpr const char* kReferers[] = {"-", "https://www.example.com/",
                                     "https://www.example.com/catalogue?page=2",
                                     "https://search.example.org/"};
constexpr const char* kMessages[] = {
    "request completed",   "user authenticated",        "payment authorised",
    "cache miss, loading", "connection pool exhausted", "retrying upstream call",
    "order placed",        "session expired",           "validation failed for field \\\"email\\\"",
    "rate limit reached"};
constexpr const char* kLoggers[] = {"com.example.api.Gateway", "com.example.auth.TokenService",
                                    "com.example.billing.Ledger", "com.example.cart.CartStore"};
constexpr const char* kLevels[] = {"INFO", "INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR"};
constexpr const char* kMethods[] = {"GET", "GET", "GET", "GET", "POST", "PUT", "DELETE"};
constexpr int kStatuses[] = {200, 200, 200, 200, 200, 204, 302, 304, 404, 500};
constexpr const char* kWorkers[] = {"mail", "index", "thumb", "sync"};

struct TimeOfDay {
  uint32_t hour, minute, second;
};
TimeOfDay time_of(uint64_t seconds) {
  return {static_cast<uint32_t>(seconds / 3600 % 24), static_cast<uint32_t>(seconds / 60 % 60),
          static_cast<uint32_t>(seconds % 60)};
}

void append_nginx(Random& random, uint64_t seconds, std::string& out) {
  const TimeOfDay time = time_of(seconds);
  fmt::format_to(std::back_inserter(out),
                 "{}.{}.{}.{} - - [22/Nov/2026:{:02}:{:02}:{:02} +0000] \"{} {}?id={} HTTP/1.1\" "
                 "{} {} \"{}\" \"{}\"\n",
                 1 + random.below(223), random.below(256), random.below(256), random.below(256),
                 time.hour, time.minute, time.second, random.one_of(kMethods),
                 random.one_of(kPaths), random.below(100000), kStatuses[random.below(10)],
                 random.below(60000), random.one_of(kReferers), random.one_of(kAgents));
}

void append_json_app(Random& random, uint64_t seconds, std::string& out) {
  const TimeOfDay time = time_of(seconds);
  fmt::format_to(
      std::back_inserter(out),
      "{{\"ts\":\"2026-11-22T{:02}:{:02}:{:02}.{:06}Z\",\"level\":\"{}\",\"logger\":\"{}\","
      "\"msg\":\"{}\",\"trace_id\":\"{:016x}{:016x}\",\"span_id\":\"{:016x}\","
      "\"user_id\":{},\"status\":{},\"duration_ms\":{},\"path\":\"{}\"}}\n",
      time.hour, time.minute, time.second, random.below(1000000), random.one_of(kLevels),
      random.one_of(kLoggers), random.one_of(kMessages), random.next(), random.next(),
      random.next(), random.below(100000), kStatuses[random.below(10)], random.below(2000),
      random.one_of(kPaths));
}

void append_short(Random& random, uint64_t seconds, std::string& out) {
  const TimeOfDay time = time_of(seconds);
  fmt::format_to(std::back_inserter(out),
                 "2026-11-22 {:02}:{:02}:{:02}.{:03} {} [{}-{}] job {} done in {} ms\n", time.hour,
                 time.minute, time.second, random.below(1000), random.one_of(kLevels),
                 random.one_of(kWorkers), random.below(8), random.below(100000),
                 random.below(2000));
}

}  // namespace

std::string_view name_of(CorpusShape shape) {
  switch (shape) {
    case CorpusShape::kNginx:
      return "nginx";
    case CorpusShape::kJsonApp:
      return "json";
    case CorpusShape::kShort:
      return "short";
  }
  return "";
}

std::optional<CorpusShape> corpus_shape_of(std::string_view name) {
  for (const CorpusShape shape : kCorpusShapes) {
    if (name_of(shape) == name) return shape;
  }
  return std::nullopt;
}

std::string make_corpus(CorpusShape shape, size_t bytes, uint64_t seed) {
  Random random(seed);
  std::string out;
  out.reserve(bytes + 1024);
  uint64_t seconds = 8 * 3600;
  while (out.size() < bytes) {
    seconds += random.below(20) == 0;
    switch (shape) {
      case CorpusShape::kNginx:
        append_nginx(random, seconds, out);
        break;
      case CorpusShape::kJsonApp:
        append_json_app(random, seconds, out);
        break;
      case CorpusShape::kShort:
        append_short(random, seconds, out);
        break;
    }
  }
  return out;
}

}  // namespace sluice

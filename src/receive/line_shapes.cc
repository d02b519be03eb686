// SPDX-License-Identifier: Apache-2.0
#include "receive/line_shapes.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

#include "receive/line_token.h"
#include "receive/seeded_random.h"
#include "sluice/check.h"

namespace sluice {
namespace {

constexpr size_t kScriptBytes = 4u << 20;
constexpr size_t kScriptLinesMin = 64;

// In the makers below these two characters stand for the holes; no shape uses them otherwise.
constexpr char kTokenHole = '\x02';
constexpr char kClockHole = '\x03';

constexpr std::array<std::string_view, 6> kShapeNames = {"nginx", "json", "short",
                                                         "java",  "long", "utf8"};
constexpr std::array<const char*, 6> kClockFormats = {"%d/%b/%Y:%H:%M:%S", "%Y-%m-%dT%H:%M:%S",
                                                      "%H:%M:%S",          "%Y-%m-%d %H:%M:%S",
                                                      "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S"};

template <size_t kCount>
std::string_view pick(SeededRandom& random, const std::array<std::string_view, kCount>& from) {
  return from[random.below(static_cast<uint32_t>(kCount))];
}

constexpr std::array<std::string_view, 5> kBrowsers = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "curl/8.5.0",
    "kube-probe/1.29", "Go-http-client/2.0"};
constexpr std::array<std::string_view, 6> kPages = {"/",       "/api/v1/users", "/healthz",
                                                    "/search", "/login",        "/img/logo.png"};
constexpr std::array<std::string_view, 8> kMessages = {
    "Request processed", "User authenticated",  "Payment initiated",   "Connection established",
    "Cache miss",        "Health check passed", "Rate limit exceeded", "Session expired"};
constexpr std::array<std::string_view, 4> kServices = {"auth", "payment", "catalogue", "shipping"};
constexpr std::array<std::string_view, 6> kClasses = {"OrderService",   "CartController",
                                                      "JdbcTemplate",   "RetryInterceptor",
                                                      "HttpDispatcher", "PriceCalculator"};
constexpr std::array<std::string_view, 6> kMethods = {"place",  "apply",    "execute",
                                                      "invoke", "doFilter", "lambda$run$3"};
constexpr std::array<std::string_view, 4> kExceptions = {
    "java.lang.IllegalStateException: inventory is locked",
    "java.sql.SQLTransientConnectionException: pool timed out after 30000ms",
    "java.lang.NullPointerException: Cannot invoke \"Order.id()\" because \"order\" is null",
    "java.util.concurrent.TimeoutException: upstream did not answer"};
// Valid UTF-8 of one to four bytes, and what JSON must escape: quotes, backslashes, tabs, controls,
// the two line separators that JavaScript dislikes, and DEL.
constexpr std::array<std::string_view, 12> kPhrases = {"Größe überschritten für Zoë",
                                                       "Το αίτημα ολοκληρώθηκε",
                                                       "東京行きの切符を購入しました",
                                                       "платёж отклонён",
                                                       "طلب ناجح",
                                                       "emoji 😀👩‍🚀🏳️‍🌈 ok",
                                                       "path=\"C:\\\\temp\\new\"",
                                                       "tab\tseparated\tfields",
                                                       "bell\x07 escape\x1b[31mred\x1b[0m",
                                                       "separators \u2028 and \u2029",
                                                       "delete \x7f and nul-like \x01",
                                                       "a/b \\/ \"quoted\" 'single'"};

// Writes the lines of one event, separated by newlines, with holes.
using EventMaker = void (*)(SeededRandom&, fmt::memory_buffer&);

void make_nginx(SeededRandom& r, fmt::memory_buffer& out) {
  fmt::format_to(std::back_inserter(out),
                 "{}.{}.{}.{} - - [\x03 +0000] \"{} {}?id={} HTTP/1.1\" {} {} \"-\" \"{}\" \x02",
                 r.between(1, 223), r.below(256), r.below(256), r.below(256),
                 r.one_in(5) ? "POST" : "GET", pick(r, kPages), r.below(100000),
                 r.one_in(10) ? (r.one_in(2) ? 404 : 500) : 200, r.below(90000),
                 pick(r, kBrowsers));
}

void make_json(SeededRandom& r, fmt::memory_buffer& out) {
  fmt::format_to(std::back_inserter(out),
                 R"({{"time":"{}.{:03}Z","level":"{}","service":"{}","msg":"{}",)"
                 R"("method":"{}","status":{},"duration_ms":{},"user":"user_{}","bytes":{},)"
                 R"("trace":"{:016x}","request":"{}"}})",
                 kClockHole, r.below(1000), r.one_in(4) ? "WARN" : "INFO", pick(r, kServices),
                 pick(r, kMessages), r.one_in(3) ? "POST" : "GET", r.one_in(5) ? 404 : 200,
                 r.below(1000), r.below(10000), r.below(100000), r.next(), kTokenHole);
}

void make_short(SeededRandom& r, fmt::memory_buffer& out) {
  fmt::format_to(std::back_inserter(out), "\x03 w{} up \x02", r.below(10));
}

void make_java(SeededRandom& r, fmt::memory_buffer& out) {
  auto to = std::back_inserter(out);
  const bool failed = r.one_in(4);
  fmt::format_to(to, "\x03,{:03} {} [exec-{}] c.a.shop.{} - {} {} [\x02]", r.below(1000),
                 failed ? "ERROR" : "INFO ", r.below(64), pick(r, kClasses), pick(r, kMessages),
                 r.below(100000));
  for (uint32_t cause = 0; failed && cause < r.between(1, 2); ++cause) {
    fmt::format_to(to, "\n{}{} (\x02)", cause == 0 ? "" : "Caused by: ", pick(r, kExceptions));
    for (uint32_t frame = r.between(6, 30); frame > 0; --frame) {
      const std::string_view name = pick(r, kClasses);
      fmt::format_to(to, "\n\tat com.acme.shop.{}.{}({}.java:{}) ~[shop-1.4.jar:\x02]", name,
                     pick(r, kMethods), name, r.between(10, 900));
    }
  }
}

void make_long(SeededRandom& r, fmt::memory_buffer& out) {
  auto to = std::back_inserter(out);
  // Mostly a few KiB; some as large as one read, a few larger than two.
  const size_t length = r.one_in(256)  ? r.between(300'000, 700'000)
                        : r.one_in(32) ? r.between(60'000, 130'000)
                                       : r.between(1'000, 8'000);
  fmt::format_to(to, "\x03Z dump \x02 fields=[");
  while (out.size() < length) {
    fmt::format_to(to, R"({{"key":"{}.{}","value":"{:016x}","note":"{}"}},)", pick(r, kServices),
                   r.below(10000), r.next(), pick(r, kMessages));
  }
  fmt::format_to(to, "]");
}

void make_utf8(SeededRandom& r, fmt::memory_buffer& out) {
  fmt::format_to(std::back_inserter(out), "\x03Z {} | {} \x02 {}", pick(r, kPhrases),
                 pick(r, kPhrases), pick(r, kPhrases));
}

constexpr std::array<EventMaker, 6> kMakers = {make_nginx, make_json, make_short,
                                               make_java,  make_long, make_utf8};

// Replaces the hole characters by holes of their width.
ScriptLine cut_line(std::string_view source, bool starts_event, size_t clock_bytes,
                    std::string* text) {
  ScriptLine line;
  line.text_at = static_cast<uint32_t>(text->size());
  line.starts_event = starts_event;
  bool has_token = false;
  for (const char c : source) {
    const auto here = static_cast<uint32_t>(text->size() - line.text_at);
    if (c == kTokenHole) {
      SLUICE_CHECK(!has_token, "a line has one token");
      has_token = true;
      line.token_at = here;
      text->append(kTokenBytes, '0');
    } else if (c == kClockHole) {
      line.clock_at = here;
      text->append(clock_bytes, '0');
    } else {
      text->push_back(c);
    }
  }
  SLUICE_CHECK(has_token, "every generated line can be verified");
  line.length = static_cast<uint32_t>(text->size() - line.text_at);
  return line;
}

}  // namespace

std::optional<LineShape> read_line_shape(std::string_view name) {
  for (size_t i = 0; i < kShapeNames.size(); ++i) {
    if (kShapeNames[i] == name) return static_cast<LineShape>(i);
  }
  return std::nullopt;
}

std::string_view line_shape_name(LineShape shape) {
  return kShapeNames[static_cast<size_t>(shape)];
}

LineScript::LineScript(LineShape shape, uint64_t seed) : shape_(shape) {
  SeededRandom random(seed ^ (static_cast<uint64_t>(shape) + 1) * 0x9e3779b97f4a7c15ull);
  const size_t clock_bytes = clock_text(0).size();
  fmt::memory_buffer event;
  while (text_.size() < kScriptBytes || lines_.size() < kScriptLinesMin) {
    event.clear();
    kMakers[static_cast<size_t>(shape)](random, event);
    std::string_view rest(event.data(), event.size());
    for (bool first = true, more = true; more; first = false) {
      const size_t end = rest.find('\n');
      more = end != std::string_view::npos;
      lines_.push_back(cut_line(rest.substr(0, end), first, clock_bytes, &text_));
      longest_line_ = std::max(longest_line_, lines_.back().length);
      if (more) rest.remove_prefix(end + 1);
    }
  }
}

std::string LineScript::clock_text(time_t second) const {
  std::tm parts{};
  gmtime_r(&second, &parts);
  char text[64];
  const size_t length =
      std::strftime(text, sizeof text, kClockFormats[static_cast<size_t>(shape_)], &parts);
  return std::string(text, length);
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "control/config_endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include "control/nearest.h"

namespace sluice {
namespace {

constexpr size_t kUrlBytesMax = 2048;

std::string lowered(std::string_view text) {
  std::string lower(text);
  for (char& letter : lower)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return lower;
}

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
                        hex_value(text[i + 2]) >= 0;
    if (!escape) {
      plain += text[i];
      continue;
    }
    plain += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
    i += 2;
  }
  return plain;
}

std::string base64(std::string_view text) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string encoded;
  for (size_t i = 0; i < text.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < text.size() ? static_cast<uint8_t>(text[i + k]) : 0U);
    for (size_t k = 0; k < 4; ++k)
      encoded += i + k > text.size() ? '=' : kLetters[group >> (18 - 6 * k) & 63U];
  }
  return encoded;
}

// The sentence for a URL whose scheme is missing or wrong.
std::string scheme_problem(std::string_view scheme, std::string_view text) {
  constexpr std::string_view kBoth = "expected an http:// or https:// URL";
  if (scheme.empty() && text.find("://") == std::string_view::npos && !text.empty() &&
      text.front() != '/')
    return fmt::format("{}; did you mean 'http://{}'?", kBoth, endpoint_for_show(text));
  const std::array<std::string_view, 2> known = {"http", "https"};
  const std::string_view near = nearest(scheme, known);
  if (!near.empty()) return fmt::format("{}; did you mean '{}://'?", kBoth, near);
  return std::string(kBoth);
}

// Empty when "host" or "host:port" is right.
std::string authority_problem(std::string_view authority) {
  const bool six = !authority.empty() && authority.front() == '[';
  const size_t bracket = authority.find(']');
  if (six && bracket == std::string_view::npos) return "the ']' of the IPv6 address is missing";
  const std::string_view host =
      six ? authority.substr(0, bracket + 1) : authority.substr(0, authority.find(':'));
  if (host.empty() || host == "[]") return "expected a host after '://'";
  const std::string_view rest = authority.substr(host.size());
  if (rest.empty()) return {};
  uint32_t port = 0;
  const std::string_view digits = rest.substr(1);
  const auto [after, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (rest.front() != ':' || digits.empty() || error != std::errc() ||
      after != digits.data() + digits.size() || port == 0 || port > 65535)
    return "expected a port from 1 to 65535 after the host";
  return {};
}

size_t authority_begin(std::string_view text) {
  const size_t at = text.find("://");
  return at == std::string_view::npos ? 0 : at + 3;
}

size_t authority_end(std::string_view text) {
  return std::min(text.size(), text.find_first_of("/?#", authority_begin(text)));
}

}  // namespace

std::string endpoint_for_show(std::string_view text) {
  const size_t begin = authority_begin(text), end = authority_end(text);
  const size_t at = text.substr(begin, end - begin).rfind('@');
  if (at == std::string_view::npos) return std::string(text);
  return std::string(text.substr(0, begin)) + "***" + std::string(text.substr(begin + at));
}

std::string endpoints_for_show(const std::vector<std::string>& urls) {
  std::string text;
  for (const std::string& url : urls) text.append(text.empty() ? "" : ", ").append(url);
  return text;
}

bool is_tls(std::string_view url) {
  return url.starts_with("https://");
}

Parsed<Endpoint> parse_endpoint(std::string_view text) {
  const auto bad = [](std::string why) { return Parsed<Endpoint>::bad(std::move(why)); };
  text = trimmed(text);
  if (text.size() > kUrlBytesMax) return bad("a URL may have at most 2048 bytes");
  const bool odd = std::any_of(text.begin(), text.end(), [](char letter) {
    return static_cast<uint8_t>(letter) <= 0x20 || letter == 0x7f;
  });
  if (odd) return bad("a URL has no blanks; write them as %20");
  const size_t colon = text.find("://");
  const std::string scheme =
      colon == std::string_view::npos ? std::string() : lowered(text.substr(0, colon));
  if (scheme != "http" && scheme != "https") return bad(scheme_problem(scheme, text));
  if (text.find('#') != std::string_view::npos)
    return bad("a '#' part is never sent; write it as %23");
  const size_t begin = authority_begin(text), end = authority_end(text);
  std::string_view authority = text.substr(begin, end - begin);
  Endpoint endpoint;
  const size_t at = authority.rfind('@');
  if (at != std::string_view::npos) {
    endpoint.authorization = "Basic " + base64(percent_decoded(authority.substr(0, at)));
    authority.remove_prefix(at + 1);
  }
  if (std::string why = authority_problem(authority); !why.empty()) return bad(std::move(why));
  endpoint.url = scheme + "://" + std::string(authority) + std::string(text.substr(end));
  return Parsed<Endpoint>::good(std::move(endpoint));
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "control/config_interpolate.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/config_text.h"

namespace sluice {
namespace {

constexpr Bytes kSecretFileBytesMax = Bytes(64 << 10);
constexpr std::string_view kFilePrefix = "file:";

bool is_variable_name(std::string_view name) {
  return !name.empty() && !(name.front() >= '0' && name.front() <= '9') &&
         std::all_of(name.begin(), name.end(), [](char letter) {
           return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                  (letter >= '0' && letter <= '9') || letter == '_';
         });
}

Parsed<std::string> from_file(std::string_view path, const Environment& environment) {
  const std::string name(path);
  if (!environment.read_file) return Parsed<std::string>::bad("files cannot be read here");
  Result<std::string> bytes = environment.read_file(name, kSecretFileBytesMax);
  if (!bytes.ok())
    return Parsed<std::string>::bad(
        fmt::format("cannot read '{}': {}", excerpt(name), bytes.error().message()));
  std::string secret = std::move(bytes).value();
  if (secret.ends_with('\n')) secret.pop_back();
  if (secret.ends_with('\r')) secret.pop_back();
  return Parsed<std::string>::good(std::move(secret));
}

// What stands between ${ and }.
Parsed<std::string> resolved(std::string_view reference, const Environment& environment) {
  if (reference.starts_with(kFilePrefix))
    return from_file(reference.substr(kFilePrefix.size()), environment);
  const size_t colon = reference.find(':');
  const std::string name(reference.substr(0, colon));
  const std::string_view rest = colon == std::string_view::npos ? "" : reference.substr(colon + 1);
  const bool known_form =
      colon == std::string_view::npos || rest.starts_with('-') || rest.starts_with('?');
  if (!is_variable_name(name) || !known_form)
    return Parsed<std::string>::bad(
        fmt::format("'${{{}}}' is none of ${{NAME}}, ${{NAME:-default}}, ${{NAME:?message}} and "
                    "${{file:/path}}; write $${{ for a plain ${{",
                    excerpt(reference)));
  if (const std::string* value = environment.variable(name))
    return Parsed<std::string>::good(*value);
  if (rest.starts_with('-')) return Parsed<std::string>::good(std::string(rest.substr(1)));
  if (rest.starts_with('?') && rest.size() > 1)
    return Parsed<std::string>::bad(fmt::format("{}: {}", name, excerpt(rest.substr(1))));
  return Parsed<std::string>::bad(fmt::format(
      "the environment variable {0} is not set; set it, or write ${{{0}:-default}}", name));
}

}  // namespace

Parsed<std::string> interpolate(std::string_view text, const Environment& environment) {
  std::vector<SecretPiece> unused;
  return interpolate(text, environment, unused);
}

Parsed<std::string> interpolate(std::string_view text, const Environment& environment,
                                std::vector<SecretPiece>& pieces) {
  std::string out;
  bool files = false;
  pieces.clear();
  const auto add = [&](std::string_view plain) {
    if (plain.empty()) return;
    out.append(plain);
    if (pieces.empty() || pieces.back().is_file) pieces.emplace_back();
    pieces.back().text.append(plain);
  };
  while (!text.empty()) {
    const size_t begin = text.find("${");
    if (begin == std::string_view::npos) break;
    if (begin > 0 && text[begin - 1] == '$') {
      add(text.substr(0, begin - 1));
      add("${");
      text.remove_prefix(begin + 2);
      continue;
    }
    const size_t end = text.find('}', begin);
    if (end == std::string_view::npos)
      return Parsed<std::string>::bad("the '}' after '${' is missing");
    const std::string_view reference = text.substr(begin + 2, end - begin - 2);
    Parsed<std::string> value = resolved(reference, environment);
    if (!value.ok()) return value;
    add(text.substr(0, begin));
    if (reference.starts_with(kFilePrefix)) {
      files = true;
      out.append(*value.value);
      pieces.push_back({true, std::string(reference.substr(kFilePrefix.size()))});
    } else {
      add(*value.value);
    }
    text.remove_prefix(end + 1);
  }
  add(text);
  if (!files) pieces.clear();
  return Parsed<std::string>::good(std::move(out));
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "flow/discover/glob.h"

#include <algorithm>

namespace sluice {
namespace {

Error invalid(const char* where) {
  return Error{Errc::kInvalid, 0, where};
}

// Bytes of the character at `at`: names are bytes, but `?` should take a whole UTF-8 character. A
// stray continuation byte counts as a character of its own.
size_t character_bytes(std::string_view name, size_t at) {
  const auto is_continuation = [&](size_t i) {
    return i < name.size() && (static_cast<uint8_t>(name[i]) & 0xC0) == 0x80;
  };
  size_t bytes = 1;
  if (static_cast<uint8_t>(name[at]) >= 0xC0) {
    while (bytes < 4 && is_continuation(at + bytes)) ++bytes;
  }
  return bytes;
}

// Where the group that opens at `open` closes; npos if it does not. Only a backslash hides a brace.
size_t closing_brace(std::string_view text, size_t open) {
  int depth = 0;
  for (size_t i = open; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}' && --depth == 0) {
      return i;
    }
  }
  return std::string_view::npos;
}

size_t first_brace(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '{') {
      return i;
    }
  }
  return std::string_view::npos;
}

// Splits "a,{b,c},d" at the commas of its own level.
std::vector<std::string_view> split_group(std::string_view group) {
  std::vector<std::string_view> parts;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i < group.size(); ++i) {
    if (group[i] == '\\') {
      ++i;
    } else if (group[i] == '{') {
      ++depth;
    } else if (group[i] == '}') {
      --depth;
    } else if (group[i] == ',' && depth == 0) {
      parts.push_back(group.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  parts.push_back(group.substr(begin));
  return parts;
}

// Replaces the first group by each of its alternatives until no group is left.
Result<std::vector<std::string>> expand_braces(std::string_view pattern) {
  std::vector<std::string> done;
  std::vector<std::string> open = {std::string(pattern)};
  while (!open.empty()) {
    const std::string text = std::move(open.back());
    open.pop_back();
    const size_t begin = first_brace(text);
    if (begin == std::string::npos) {
      done.push_back(text);
      continue;
    }
    const size_t end = closing_brace(text, begin);
    if (end == std::string::npos) return invalid("pattern: '{' without '}'");
    const std::string_view view = text;
    for (std::string_view part : split_group(view.substr(begin + 1, end - begin - 1))) {
      open.push_back(text.substr(0, begin) + std::string(part) + text.substr(end + 1));
    }
    if (open.size() + done.size() > Glob::kAlternativesMax)
      return invalid("pattern: too many alternatives in braces");
  }
  std::reverse(done.begin(), done.end());  // as written: the last alternative was expanded first
  return done;
}

// Cuts the first component off `rest`, which has no leading slash.
std::string_view cut_component(std::string_view& rest) {
  const size_t slash = rest.find('/');
  const std::string_view component = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  return component;
}

std::string_view without_slashes_around(std::string_view path) {
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  return path;
}

}  // namespace

Result<size_t> GlobComponent::compile_set(std::string_view text, size_t begin,
                                          std::bitset<256>& set, bool& negated) {
  size_t i = begin;
  negated = i < text.size() && (text[i] == '!' || text[i] == '^');
  if (negated) ++i;
  // A closing bracket in the first place is a member, as POSIX has it.
  for (bool first = true; i < text.size(); first = false) {
    if (text[i] == ']' && !first) return i + 1;
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    const auto low = static_cast<uint8_t>(text[i++]);
    auto high = low;
    if (i + 1 < text.size() && text[i] == '-' && text[i + 1] != ']') {
      ++i;
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      high = static_cast<uint8_t>(text[i++]);
    }
    if (high < low) return invalid("pattern: a range in '[]' runs backwards");
    for (unsigned byte = low; byte <= high; ++byte) set.set(byte);
  }
  return invalid("pattern: '[' without ']'");
}

Result<GlobComponent> GlobComponent::compile(std::string_view text) {
  GlobComponent component;
  component.any_directories_ = text == "**";
  for (size_t i = 0; i < text.size();) {
    Token token;
    if (text[i] == '*') {
      token.kind = Kind::kAnyRun;
      while (i < text.size() && text[i] == '*') ++i;
    } else if (text[i] == '?') {
      token.kind = Kind::kAnyOne;
      ++i;
    } else if (text[i] == '[') {
      token.kind = Kind::kSet;
      token.set = static_cast<uint32_t>(component.sets_.size());
      component.sets_.emplace_back();
      const auto next = compile_set(text, i + 1, component.sets_.back(), token.negated);
      if (!next.ok()) return next.error();
      i = *next;
    } else {
      if (text[i] == '\\' && ++i == text.size()) return invalid("pattern: '\\' at the end");
      token.byte = text[i++];
      component.literal_.push_back(token.byte);
    }
    component.wild_ = component.wild_ || token.kind != Kind::kByte;
    component.tokens_.push_back(token);
  }
  return component;
}

size_t GlobComponent::takes(const Token& token, std::string_view name, size_t at) const {
  if (at >= name.size()) return 0;
  const size_t character = character_bytes(name, at);
  switch (token.kind) {
    case Kind::kByte:
      return name[at] == token.byte ? 1 : 0;
    case Kind::kAnyOne:
      return character;
    case Kind::kSet:
      // Members are bytes; a character of several bytes is never a member, so only [!..] takes it.
      if (character > 1) return token.negated ? character : 0;
      return sets_[token.set].test(static_cast<uint8_t>(name[at])) != token.negated ? 1 : 0;
    case Kind::kAnyRun:
      break;
  }
  return 0;
}

bool GlobComponent::matches(std::string_view name, bool dots) const {
  if (!wild_) return name == literal_;
  const bool written_dot = tokens_[0].kind == Kind::kByte;
  if (!dots && !name.empty() && name[0] == '.' && !written_dot) return false;
  // Only the last * ever needs to be tried again: linear for one, quadratic at worst for many.
  size_t token = 0, at = 0;
  size_t star = SIZE_MAX, star_at = 0;
  while (at < name.size()) {
    if (token < tokens_.size() && tokens_[token].kind == Kind::kAnyRun) {
      star = token++;
      star_at = at;
      continue;
    }
    const size_t taken = token < tokens_.size() ? takes(tokens_[token], name, at) : 0;
    if (taken > 0) {
      at += taken;
      ++token;
    } else if (star != SIZE_MAX) {
      star_at += character_bytes(name, star_at);
      at = star_at;
      token = star + 1;
    } else {
      return false;
    }
  }
  while (token < tokens_.size() && tokens_[token].kind == Kind::kAnyRun) ++token;
  return token == tokens_.size();
}

Result<Glob> Glob::compile(std::string_view pattern, Options options) {
  if (pattern.empty() || pattern[0] != '/') return invalid("pattern: not an absolute path");
  auto expanded = expand_braces(pattern);
  if (!expanded.ok()) return expanded.error();
  Glob glob;
  glob.text_ = pattern;
  glob.dots_ = options.dots;
  for (const std::string& text : *expanded) {
    if (auto added = glob.add_alternative(text); !added.ok()) return added.error();
  }
  return glob;
}

Result<void> Glob::add_alternative(std::string_view pattern) {
  Alternative alternative;
  std::string_view rest = without_slashes_around(pattern);
  while (!rest.empty()) {
    const std::string_view text = cut_component(rest);
    if (text.empty() || text == ".") continue;  // "a//b" and "a/./b" are "a/b"
    auto component = GlobComponent::compile(text);
    if (!component.ok()) return component.error();
    alternative.components.push_back(std::move(*component));
  }
  if (alternative.components.empty()) return invalid("pattern: names no file");
  if (alternative.components.back().any_directories()) {
    alternative.components.push_back(std::move(*GlobComponent::compile("*")));
  }
  std::string root;
  for (size_t i = 0; i + 1 < alternative.components.size(); ++i) {
    const std::string* literal = alternative.components[i].literal();
    if (literal == nullptr) break;
    root.append("/").append(*literal);
  }
  if (root.empty()) root.push_back('/');
  if (std::find(roots_.begin(), roots_.end(), root) == roots_.end()) roots_.push_back(root);
  alternatives_.push_back(std::move(alternative));
  return {};
}

bool Glob::walk(const Alternative& alternative, size_t component, std::string_view rest,
                Question question) const {
  const auto& components = alternative.components;
  if (rest.empty()) {
    return question == Question::kMatch ? component == components.size()
                                        : component < components.size();
  }
  if (component == components.size()) return false;
  std::string_view after = rest;
  const std::string_view name = cut_component(after);
  if (components[component].any_directories()) {
    if (walk(alternative, component + 1, rest, question)) return true;
    const bool link_ends_here = question == Question::kDescendThroughLink && after.empty();
    const bool hidden = name.starts_with('.') && !dots_;
    return !hidden && !link_ends_here && walk(alternative, component, after, question);
  }
  return components[component].matches(name, dots_) &&
         walk(alternative, component + 1, after, question);
}

bool Glob::matches(std::string_view path) const {
  const std::string_view rest = without_slashes_around(path);
  return std::any_of(alternatives_.begin(), alternatives_.end(), [&](const Alternative& each) {
    return walk(each, 0, rest, Question::kMatch);
  });
}

bool Glob::descends(std::string_view directory, bool through_link) const {
  const std::string_view rest = without_slashes_around(directory);
  const auto question = through_link ? Question::kDescendThroughLink : Question::kDescend;
  return std::any_of(alternatives_.begin(), alternatives_.end(),
                     [&](const Alternative& each) { return walk(each, 0, rest, question); });
}

Result<PathRules> PathRules::compile(const std::vector<std::string>& paths,
                                     const std::vector<std::string>& exclude) {
  PathRules rules;
  for (const std::string& pattern : paths) {
    auto glob = Glob::compile(pattern);
    if (!glob.ok()) return glob.error();
    rules.paths_.push_back(std::move(*glob));
  }
  for (const std::string& pattern : exclude) {
    if (pattern.find('/') != std::string::npos) {
      auto glob = Glob::compile(pattern, {.dots = true});
      if (!glob.ok()) return glob.error();
      rules.exclude_.push_back(std::move(*glob));
      continue;
    }
    auto names = expand_braces(pattern);
    if (!names.ok()) return names.error();
    for (const std::string& text : *names) {
      auto component = GlobComponent::compile(text);
      if (!component.ok()) return component.error();
      rules.exclude_names_.push_back(std::move(*component));
    }
  }
  return rules;
}

bool PathRules::excluded(std::string_view path) const {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return std::any_of(exclude_names_.begin(), exclude_names_.end(),
                     [&](const GlobComponent& each) { return each.matches(name, true); }) ||
         std::any_of(exclude_.begin(), exclude_.end(),
                     [&](const Glob& each) { return each.matches(path); });
}

bool PathRules::wants(std::string_view path) const {
  return std::any_of(paths_.begin(), paths_.end(),
                     [&](const Glob& each) { return each.matches(path); }) &&
         !excluded(path);
}

bool PathRules::descends(std::string_view directory, bool through_link) const {
  const bool may = std::any_of(paths_.begin(), paths_.end(), [&](const Glob& each) {
    return each.descends(directory, through_link);
  });
  // Names are about files: excluding "old*" must not hide a directory called "older".
  return may && std::none_of(exclude_.begin(), exclude_.end(),
                             [&](const Glob& each) { return each.matches(directory); });
}

std::vector<std::string> PathRules::roots() const {
  std::vector<std::string> all;
  for (const Glob& glob : paths_) {
    for (const std::string& root : glob.roots()) {
      if (std::find(all.begin(), all.end(), root) == all.end()) all.push_back(root);
    }
  }
  return all;
}

}  // namespace sluice

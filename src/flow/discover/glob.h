// SPDX-License-Identifier: Apache-2.0
// glob.h — which paths a pattern means, and which directories must be watched to notice them.
//
// In:      absolute patterns: * ? [a-z] [!x] {a,b} \x, and ** for any number of directories.
// Out:     does this path match; may something below this directory match; where to begin to look.
// Owns:    the compiled pattern. Pure: never touches a disk. Values, copied freely.
// Thread:  any; constant after compile().
// Limits:  kAlternativesMax alternatives after the braces are expanded. Matching is linear in the
//          path for patterns without **, and at most (components of path x of pattern) with it.
// Fails:   compile() says kInvalid for an unfinished [ or {, a relative pattern, or too many
//          braces.
// Why so:  glob(3) answers "what is there now" by walking the disk. We must also answer "would this
//          new name match" for every notification, and "is this directory worth a watch" before
//          anything exists in it. As in shells, a leading dot is matched only by a written dot.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/result.h"

namespace sluice {

// One path component of a pattern, without slashes.
class GlobComponent {
 public:
  // Text between two slashes. Fails for an unfinished set or a backslash at the end.
  static Result<GlobComponent> compile(std::string_view text);

  // `dots`: a wildcard may match a leading dot.
  bool matches(std::string_view name, bool dots) const;
  bool any_directories() const { return any_directories_; }
  // The only name that matches, if the component has no wildcard.
  const std::string* literal() const { return wild_ ? nullptr : &literal_; }

 private:
  enum class Kind : uint8_t { kByte, kAnyOne, kAnyRun, kSet };
  struct Token {
    Kind kind = Kind::kByte;
    char byte = 0;
    bool negated = false;
    uint32_t set = 0;  // index into sets_
  };

  static Result<size_t> compile_set(std::string_view text, size_t begin, std::bitset<256>& set,
                                    bool& negated);
  // How many bytes of `name` from `at` the token takes; 0 if it does not match there.
  size_t takes(const Token& token, std::string_view name, size_t at) const;

  std::vector<Token> tokens_;
  std::vector<std::bitset<256>> sets_;
  std::string literal_;
  bool wild_ = false;
  bool any_directories_ = false;
};

class Glob {
 public:
  static constexpr size_t kAlternativesMax = 1'000;
  struct Options {
    bool dots = false;  // wildcards match a leading dot too (for exclusions)
  };

  static Result<Glob> compile(std::string_view pattern, Options options);
  static Result<Glob> compile(std::string_view pattern) { return compile(pattern, Options()); }

  bool matches(std::string_view path) const;
  // May a path below `directory` match? `through_link`: the last component of `directory` is a
  // symbolic link; ** does not go through those, for they may lead back up.
  bool descends(std::string_view directory, bool through_link = false) const;
  // The fixed directories in which the wildcards begin, one per alternative, without doubles.
  const std::vector<std::string>& roots() const { return roots_; }
  const std::string& text() const { return text_; }

 private:
  struct Alternative {
    std::vector<GlobComponent> components;
  };
  enum class Question : uint8_t { kMatch, kDescend, kDescendThroughLink };

  Result<void> add_alternative(std::string_view pattern);
  bool walk(const Alternative& alternative, size_t component, std::string_view rest,
            Question question) const;

  std::string text_;
  std::vector<Alternative> alternatives_;
  std::vector<std::string> roots_;
  bool dots_ = false;
};

// The patterns of one source. Exclusions win. A pattern of the exclusions that has no slash is
// compared with the last component, one that names a directory leaves out everything below it.
class PathRules {
 public:
  static Result<PathRules> compile(const std::vector<std::string>& paths,
                                   const std::vector<std::string>& exclude);

  bool wants(std::string_view path) const;
  bool descends(std::string_view directory, bool through_link = false) const;
  std::vector<std::string> roots() const;

 private:
  bool excluded(std::string_view path) const;

  std::vector<Glob> paths_;
  std::vector<Glob> exclude_;
  std::vector<GlobComponent> exclude_names_;
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "agent/path_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "control/nearest.h"
#include "flow/discover/glob.h"

namespace sluice {
namespace {

using Components = std::vector<std::string>;

constexpr size_t kDistanceBytesMax = 512;

Components components_of(std::string_view path) {
  Components components;
  while (!path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0) components.emplace_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return components;
}

bool component_matches(const std::string& pattern, const std::string& name, bool dots) {
  const Result<Glob> glob = Glob::compile("/" + pattern, {.dots = dots});
  return glob.ok() && glob->matches("/" + name);
}

bool rules_want(const std::string& pattern, const std::vector<std::string>& exclude,
                const std::string& path) {
  const Result<PathRules> rules = PathRules::compile({pattern}, exclude);
  return rules.ok() && rules->wants(path);
}

// How near a pattern comes, and the first component that does not match.
struct Nearness {
  size_t matching = 0;
  size_t distance = 0;
  std::string differs;
};

std::string difference(const std::string& name, const std::string& pattern) {
  if (name.starts_with('.') && component_matches(pattern, name, true))
    return fmt::format("'{}' begins with a dot, which a wildcard does not match", name);
  return fmt::format("'{}' is not '{}'", name, pattern);
}

Nearness nearness(const std::string& pattern, const std::string& path) {
  const Components wanted = components_of(pattern), have = components_of(path);
  Nearness near;
  const size_t both = std::min(wanted.size(), have.size());
  while (near.matching < both && wanted[near.matching] != "**" &&
         component_matches(wanted[near.matching], have[near.matching], false)) {
    ++near.matching;
  }
  const size_t at = near.matching;
  const bool last_matches = component_matches(wanted.back(), have.back(), false);
  if (at < both && wanted[at] == "**") {
    near.differs = last_matches ? std::string("a directory on the way is hidden")
                                : difference(have.back(), wanted.back());
  } else if (last_matches && at + 1 == wanted.size() && have.size() > wanted.size()) {
    near.differs = "it does not go as deep; '**' stands for any directories";
  } else if (at < both) {
    near.differs = difference(have[at], wanted[at]);
  } else if (have.size() > wanted.size()) {
    near.differs = fmt::format("it ends with '{}', which would be a directory here", wanted.back());
  } else {
    near.differs = fmt::format("it is about files further down, as '{}'", wanted[at]);
  }
  near.matching += last_matches ? 1 : 0;
  if (pattern.size() < kDistanceBytesMax && path.size() < kDistanceBytesMax)
    near.distance = edit_distance(pattern, path);
  return near;
}

PathRuling rule_of(const SourceConfig& source, const std::string& path) {
  PathRuling ruling;
  ruling.source = source.name;
  Nearness best;
  for (const std::string& pattern : source.paths) {
    if (rules_want(pattern, {}, path)) {
      ruling.matched = pattern;
      break;
    }
    Nearness near = nearness(pattern, path);
    const bool nearer = near.matching > best.matching ||
                        (near.matching == best.matching && near.distance < best.distance);
    if (!ruling.nearest.empty() && !nearer) continue;
    ruling.nearest = pattern;
    best = std::move(near);
  }
  if (ruling.matched.empty()) {
    ruling.differs = best.differs;
    return ruling;
  }
  ruling.nearest.clear();
  for (const std::string& pattern : source.exclude) {
    if (rules_want(ruling.matched, {pattern}, path)) continue;
    ruling.excluded = pattern;
    break;
  }
  return ruling;
}

}  // namespace

std::vector<PathRuling> rule_on(const AgentConfig& config, const std::string& path) {
  std::vector<PathRuling> rulings;
  for (const SourceConfig& source : config.sources) rulings.push_back(rule_of(source, path));
  return rulings;
}

std::string blocked_on_the_way(const SourceConfig& source, const std::string& path,
                               const std::vector<std::string>& links) {
  const Result<PathRules> rules = PathRules::compile(source.paths, source.exclude);
  const Result<PathRules> open = PathRules::compile(source.paths, {});
  if (!rules.ok() || !open.ok()) return {};
  const std::vector<std::string> roots = rules->roots();
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string directory = path.substr(0, slash);
    // The fixed part of a pattern is entered whatever it is made of.
    const bool fixed = std::any_of(roots.begin(), roots.end(), [&](const std::string& root) {
      return root == directory || root.starts_with(directory + "/");
    });
    if (fixed) continue;
    const bool link = std::find(links.begin(), links.end(), directory) != links.end();
    if (!open->descends(directory, link))
      return fmt::format("'{}' is a symbolic link, and ** does not go through those", directory);
    if (!rules->descends(directory, link))
      return fmt::format("the directory '{}' is excluded", directory);
  }
  return {};
}

}  // namespace sluice

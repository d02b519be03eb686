// SPDX-License-Identifier: Apache-2.0
#include "agent/check.h"

#include <memory>
#include <utility>

#include "agent/composition.h"
#include "control/config_check.h"
#include "flow/discover/glob.h"

namespace sluice {
namespace {

std::optional<PathMatcher> matcher_of(const std::vector<std::string>& paths,
                                      const std::vector<std::string>& exclude) {
  Result<PathRules> compiled = PathRules::compile(paths, exclude);
  if (!compiled) return std::nullopt;
  auto rules = std::make_shared<const PathRules>(std::move(compiled).value());
  PathMatcher matcher;
  matcher.wants = [rules](std::string_view path) { return rules->wants(path); };
  matcher.descends = [rules](std::string_view directory, bool link) {
    return rules->descends(directory, link);
  };
  matcher.roots = rules->roots();
  return matcher;
}

}  // namespace

ConfigRules config_rules() {
  ConfigRules rules;
  rules.memory = [](const AgentConfig& config) -> std::optional<std::string> {
    std::string refusal = memory_refusal(config);
    if (refusal.empty()) return std::nullopt;
    return refusal;
  };
  rules.pattern = [](const std::string& pattern) -> std::optional<std::string> {
    // As the steward will compile it: an exclusion without a slash speaks of names.
    const bool of_names = pattern.find('/') == std::string::npos;
    const auto compiled =
        of_names ? PathRules::compile({}, {pattern}) : PathRules::compile({pattern}, {});
    if (compiled) return std::nullopt;
    return compiled.error().message();
  };
  return rules;
}

CheckTools check_tools() {
  CheckTools tools;
  tools.rules = config_rules();
  tools.matcher = matcher_of;
  return tools;
}

int check_configuration_main(std::span<char* const> args) {
  return check_main(args, Environment::of_process(), check_tools());
}

}  // namespace sluice

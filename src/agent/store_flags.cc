// SPDX-License-Identifier: Apache-2.0
#include "agent/store_flags.h"

#include <cstdio>
#include <string_view>
#include <utility>

#include "agent/check.h"
#include "control/config_load.h"

namespace sluice {

StoreFlags read_store_flags(std::span<char* const> args) {
  StoreFlags flags;
  for (size_t i = 0; i < args.size(); ++i) {
    std::string_view name = args[i];
    const bool dashed = name.starts_with('-');
    while (name.starts_with('-')) name.remove_prefix(1);
    if (!dashed && flags.verb.empty()) {
      flags.verb = name;
    } else if (dashed && (name == "h" || name == "help")) {
      flags.help = true;
    } else if (dashed && name == "lines") {
      flags.lines = true;
    } else if (dashed && name == "destination" && i + 1 < args.size()) {
      flags.destination = args[++i];
    } else if (dashed && name.starts_with("destination=")) {
      flags.destination = name.substr(12);
    } else {
      flags.rest.push_back(args[i]);
    }
  }
  return flags;
}

std::optional<AgentConfig> agent_configuration(std::span<char* const> rest) {
  ConfigOutcome outcome = load_config(rest, Environment::of_process(), config_rules());
  std::fputs(format_problems(outcome.problems).c_str(), stderr);
  if (!outcome.ok()) return std::nullopt;
  return std::move(outcome.config);
}

void note(const std::string& text) {
  std::fputs(("sluice: " + text + "\n").c_str(), stderr);
}

}  // namespace sluice

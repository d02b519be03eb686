// SPDX-License-Identifier: Apache-2.0
// config_load.h — from arguments, variables and files to one checked configuration.
//
// In:      the arguments after the subcommand, and the environment.
// Out:     an AgentConfig whose every field is in range and whose names fit together, or all that
//          is wrong with it, at once, sorted by place.
// Owns:    nothing after the call.
// Thread:  start-up; blocks on reading files.
// Limits:  for the agent: flag over variable over file over default. For a source or destination:
//          its own key in the file first, then flag, variable, the key at the top of the file,
//          default.
// Fails:   never by exception. With errors the configuration is incomplete and must not be run.
// Why so:  a block of the file speaks of one destination, a flag of all that do not speak for
//          themselves; the other way round one -endpoint would bend three destinations into one.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/command_line.h"
#include "control/config_environment.h"
#include "control/config_problem.h"
#include "sluice/config.h"

namespace sluice {

struct ConfigOutcome {
  AgentConfig config;
  std::vector<ConfigProblem> problems;
  Intent intent = Intent::kRun;
  std::vector<std::string> files;  // the configuration files that were read

  bool ok() const;
};

// What other parts know better. The composition hands their answers in, so that the configuration
// needs to know neither the buffers nor the language of patterns.
struct ConfigRules {
  // Why the plan of buffers does not fit into `memory`, with the remedy; nothing when it does.
  std::function<std::optional<std::string>(const AgentConfig&)> memory;
  // What is wrong with a pattern of `paths` or `exclude`; nothing when it is right.
  std::function<std::optional<std::string>(const std::string& pattern)> pattern;
};

ConfigOutcome load_config(std::span<char* const> args, const Environment& environment,
                          const ConfigRules& rules = {});

}  // namespace sluice

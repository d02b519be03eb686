// SPDX-License-Identifier: Apache-2.0
#include "agent/run.h"

#include <sys/stat.h>

#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "agent/check.h"
#include "agent/service.h"
#include "agent/signals.h"
#include "control/config_load.h"
#include "control/config_print.h"

namespace sluice {
namespace {

constexpr int kExitGood = 0;

// --help and --version are answered and done; nothing means: run.
std::optional<int> answer_at_once(const ConfigOutcome& outcome) {
  if (outcome.intent == Intent::kHelp) {
    std::fputs(help_text().c_str(), stdout);
    return kExitGood;
  }
  if (outcome.intent == Intent::kVersion) {
    std::puts("sluice " SLUICE_VERSION);
    return kExitGood;
  }
  const std::string problems = format_problems(outcome.problems);
  std::fputs(problems.c_str(), stderr);
  if (!outcome.ok()) return kExitConfiguration;
  return std::nullopt;
}

}  // namespace

int run_main(std::span<char* const> args) {
  ConfigOutcome outcome = load_config(args, Environment::of_process(), config_rules());
  if (const std::optional<int> code = answer_at_once(outcome)) return *code;
  return run_agent(std::move(outcome.config), args);
}

int run_agent(AgentConfig config, std::span<char* const> args) {
  block_signals();
  // State and logs of the agent are nobody else's business.
  umask(0077);
  return Service(args, std::move(config)).run();
}

}  // namespace sluice

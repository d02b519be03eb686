// SPDX-License-Identifier: Apache-2.0
#include "agent/run.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "agent/agent.h"
#include "agent/check.h"
#include "agent/composition.h"
#include "control/admin_pages.h"
#include "control/admin_server.h"
#include "control/config_check.h"
#include "control/config_print.h"
#include "control/own_log.h"
#include "control/progress_writer.h"

namespace sluice {
namespace {

constexpr int kExitGood = 0;
constexpr int kExitFailed = 1;

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

int refuse(OwnLog& log, const std::string& problem) {
  log.event(Severity::kError, "agent.start", problem);
  return kExitFailed;
}

// What is not wrong but should be known: patterns that match nothing yet, unreadable directories.
void warn_about_machine(const AgentConfig& config, OwnLog& log) {
  for (const ConfigProblem& problem : check_machine(config, check_tools())) {
    log.event(Severity::kWarning, "agent.config:" + problem.message, problem.message);
  }
}

int run_with_log(const AgentConfig& config, Screen& screen, Clock& clock, OwnLog& log) {
  warn_about_machine(config, log);
  auto composed = compose(config, log);
  if (const auto* problem = std::get_if<std::string>(&composed)) return refuse(log, *problem);
  Composition& parts = *std::get<std::unique_ptr<Composition>>(composed);
  StatusBoard board([&parts] { parts.steward_waker.wake(); });
  Agent agent(config, parts, log, board);
  std::string problem = agent.prepare();
  if (!problem.empty()) return refuse(log, problem);
  parts.view.io_backend = agent.io_backend();
  // Read from here on by other threads.
  std::unique_ptr<AdminServer> admin;
  if (config.admin) {
    auto started =
        AdminServer::start(*config.admin, make_admin_pages(parts.view, board, clock), problem);
    if (!started) return refuse(log, problem);
    admin = std::move(started).value();
  }
  const ProgressWriter progress(screen, parts.view, board, clock, config.progress);
  return agent.run();
}

}  // namespace

int run_main(std::span<char* const> args) {
  const ConfigOutcome outcome = load_config(args, Environment::of_process(), config_rules());
  if (const std::optional<int> code = answer_at_once(outcome)) return *code;
  block_stop_signals();
  // State and logs of the agent are nobody else's business.
  umask(0077);
  Screen screen(STDERR_FILENO);
  SystemClock clock;
  OwnLog log(screen, clock, outcome.config.log_level, outcome.config.log_format);
  return run_with_log(outcome.config, screen, clock, log);
}

}  // namespace sluice

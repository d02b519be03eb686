// SPDX-License-Identifier: Apache-2.0
#include "agent/service.h"

#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "agent/check.h"
#include "agent/explain.h"
#include "control/admin_pages.h"
#include "control/admin_server.h"
#include "control/audit_pages.h"
#include "control/config_check.h"
#include "control/config_load.h"
#include "control/progress_writer.h"

namespace sluice {
namespace {

constexpr int kExitGood = 0;
constexpr int kExitFailed = 1;

// What is not wrong but should be known: patterns that match nothing yet, unreadable directories.
void warn_about_machine(const AgentConfig& config, OwnLog& log) {
  for (const ConfigProblem& problem : check_machine(config, check_tools())) {
    log.event(Severity::kWarning, "agent.config:" + problem.message, problem.message);
  }
}

std::string one_line(const ConfigProblem& problem) {
  std::string text = format_problems({&problem, 1});
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace

Service::Service(std::span<char* const> args, AgentConfig first)
    : args_(args), started_(clock_.mono()), screen_(STDERR_FILENO), config_(std::move(first)) {}

int Service::run() {
  for (;;) {
    switch (run_one()) {
      case Ending::kGood:
        return kExitGood;
      case Ending::kFailed:
        return kExitFailed;
      case Ending::kRefused:
        if (!before_) return kExitFailed;
        config_ = std::move(*before_);
        before_.reset();
        metrics_.errors.add(1);
        break;
      case Ending::kReload:
        before_ = std::exchange(config_, std::move(*next_));
        next_.reset();
        break;
    }
  }
}

Ending Service::run_one() {
  OwnLog log(screen_, clock_, config_.log_level, config_.log_format);
  warn_about_machine(config_, log);
  auto composed = compose(config_, log, &lock_);
  if (const auto* problem = std::get_if<std::string>(&composed)) return refuse(log, *problem);
  Composition& parts = *std::get<std::unique_ptr<Composition>>(composed);
  const Ending ending = run_parts(parts, log);
  lock_ = std::move(parts.lock);
  return ending;
}

Ending Service::run_parts(Composition& parts, OwnLog& log) {
  StatusBoard board([&parts] { parts.steward_waker.wake(); });
  AuditBoard audits([&parts] { parts.steward_waker.wake(); });
  Agent agent(config_, parts, log, board, audits, [this, &log] { return reconsider(log); });
  std::string problem = agent.prepare();
  if (!problem.empty()) return refuse(log, problem);
  parts.view.io_backend = agent.io_backend();
  parts.view.started = started_;
  parts.view.reload = &metrics_;
  // Read from here on by other threads.
  std::unique_ptr<AdminServer> admin;
  if (config_.admin) {
    const auto explain = [this](const std::string& path, const AuditReport& report) {
      return explain_path(config_, path, report);
    };
    auto begun = AdminServer::start(*config_.admin,
                                    with_audit_pages(make_admin_pages(parts.view, board, clock_),
                                                     audits, config_.state_dir, explain),
                                    problem);
    if (!begun) return refuse(log, problem);
    admin = std::move(begun).value();
  }
  if (before_) metrics_.reloads.add(1);
  const ProgressWriter progress(screen_, parts.view, board, clock_, config_.progress);
  return agent.run();
}

Ending Service::refuse(OwnLog& log, const std::string& problem) const {
  log.event(Severity::kError, "agent.start", problem);
  if (before_) {
    log.event(Severity::kError, "agent.reload",
              "the new configuration cannot start; going on with the one before");
  }
  return Ending::kRefused;
}

bool Service::reconsider(OwnLog& log) {
  ConfigOutcome outcome = load_config(args_, Environment::of_process(), config_rules());
  for (const ConfigProblem& problem : outcome.problems) {
    const bool wrong = problem.severity == ProblemSeverity::kError;
    const std::string text = one_line(problem);
    log.event(wrong ? Severity::kError : Severity::kWarning, "agent.config:" + text, text);
  }
  if (outcome.ok()) {
    next_ = std::move(outcome.config);
    return true;
  }
  metrics_.errors.add(1);
  log.event(Severity::kError, "agent.reload",
            "the new configuration is wrong; going on with the one before");
  return false;
}

}  // namespace sluice

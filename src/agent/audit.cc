// SPDX-License-Identifier: Apache-2.0
#include "agent/audit.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "agent/check.h"
#include "agent/explain.h"
#include "agent/offline_audit.h"
#include "agent/store_flags.h"
#include "control/audit_client.h"
#include "control/audit_flags.h"
#include "control/audit_json.h"
#include "control/audit_pages.h"
#include "control/audit_table.h"
#include "control/audit_words.h"
#include "platform/store_copy.h"
#include "platform/system_clock.h"
#include "platform/system_disk.h"

namespace sluice {
namespace {

constexpr int kExitGood = 0;
constexpr int kExitNotFollowed = 1;
constexpr int kExitNothingToAudit = 3;

void print(std::FILE* stream, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stream);
}

bool has_store(const std::string& directory) {
  std::error_code error;
  return std::filesystem::exists(directory + "/checkpoints.db", error);
}

// The page of the agent that the configuration speaks of; nothing: there is none, and why was said.
std::optional<std::string> page_of_agent(const AgentConfig& config, const AuditFlags& flags,
                                         const std::string& path) {
  if (flags.offline) return std::nullopt;
  if (!config.admin) {
    if (state_directory_in_use(config.state_dir))
      note("an agent runs, but its admin port is off; what follows is from its last checkpoint");
    return std::nullopt;
  }
  std::string problem;
  const std::optional<AgentPage> page = get_agent_page(*config.admin, path, problem);
  if (page && page->status == 200) return page->body;
  if (page)
    problem = fmt::format("what answers on the admin port has no such page ({})", page->status);
  note(problem + "; what follows is from the checkpoint store in " + config.state_dir);
  return std::nullopt;
}

// Somebody else's agent may answer on the same port.
bool is_of_another_state(const AgentConfig& config, const AuditReport& report) {
  if (report.state_dir == config.state_dir || !has_store(config.state_dir)) return false;
  note(
      fmt::format("the agent on the admin port keeps its state in {}; what follows is from the "
                  "checkpoint store in {}",
                  report.state_dir, config.state_dir));
  return true;
}

std::optional<AuditReport> audit_of_store(const AgentConfig& config, std::string& problem) {
  Result<StoredState> stored = read_store_copy(config.state_dir, problem);
  if (!stored) return std::nullopt;
  if (!stored->set_aside.empty())
    note("the checkpoint store is damaged; only rows that can be read are shown");
  SystemClock clock;
  SystemDisk disk(config.follow_links);
  return offline_audit(config, std::move(stored).value(), disk, clock.wall());
}

std::optional<AuditReport> audit_of_agent(const AgentConfig& config, const AuditFlags& flags) {
  const auto page = page_of_agent(config, flags, std::string(kAuditPage));
  if (!page) return std::nullopt;
  std::string problem;
  std::optional<AuditReport> report = audit_from_json(*page, problem);
  if (!report) note(problem);
  if (!report || is_of_another_state(config, *report)) return std::nullopt;
  return report;
}

std::string absolute(const std::string& path) {
  std::error_code error;
  const std::filesystem::path made = std::filesystem::absolute(path, error).lexically_normal();
  return error ? path : made.native();
}

std::optional<Explanation> explanation_of_agent(const AgentConfig& config, const AuditFlags& flags,
                                                const std::string& path) {
  const auto page = page_of_agent(config, flags, std::string(kExplainPages) + path);
  if (!page) return std::nullopt;
  std::string problem;
  std::optional<Explanation> explanation = explanation_from_json(*page, problem);
  if (!explanation) note(problem);
  return explanation;
}

Explanation explanation_of_store(const AgentConfig& config, const std::string& path) {
  std::string problem;
  const std::optional<AuditReport> report = audit_of_store(config, problem);
  Explanation explanation = explain_path(config, path, report ? *report : AuditReport{});
  if (!report) explanation.facts.push_back({"note", problem});
  return explanation;
}

}  // namespace

int audit_main(std::span<char* const> args) {
  const AuditFlags flags = read_audit_flags(args);
  if (flags.help) {
    print(stdout, audit_help());
    return kExitGood;
  }
  if (!flags.problem.empty()) {
    note(flags.problem);
    return kExitConfiguration;
  }
  const std::optional<AgentConfig> config = agent_configuration(flags.rest);
  if (!config) return kExitConfiguration;
  std::string problem;
  std::optional<AuditReport> report = audit_of_agent(*config, flags);
  if (!report) report = audit_of_store(*config, problem);
  if (!report) {
    note(problem + "; nothing was audited");
    return kExitNothingToAudit;
  }
  SystemClock clock;
  if (flags.since) leave_out_older(*report, clock.wall() + -*flags.since);
  sort_lines(*report);
  const AuditSummary summary = summary_of(*report);
  if (flags.json && !flags.open_only) {
    print(stdout, audit_as_json(*report));
    return exit_code_of(summary.verdict);
  }
  if (flags.open_only) leave_out_complete(*report);
  print(stdout, flags.json ? audit_as_json(*report) : audit_table(*report, summary));
  return exit_code_of(summary.verdict);
}

int explain_main(std::span<char* const> args) {
  const AuditFlags flags = read_explain_flags(args);
  if (flags.help) {
    print(stdout, explain_help());
    return kExitGood;
  }
  if (!flags.problem.empty()) {
    note(flags.problem);
    return kExitConfiguration;
  }
  const std::optional<AgentConfig> config = agent_configuration(flags.rest);
  if (!config) return kExitConfiguration;
  const std::string path = absolute(flags.path);
  std::optional<Explanation> explanation = explanation_of_agent(*config, flags, path);
  if (!explanation) explanation = explanation_of_store(*config, path);
  print(stdout, flags.json ? explanation_as_json(*explanation) : explanation_text(*explanation));
  return explanation->followed ? kExitGood : kExitNotFollowed;
}

}  // namespace sluice

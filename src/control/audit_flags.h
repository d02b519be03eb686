// SPDX-License-Identifier: Apache-2.0
// audit_flags.h — the flags of `sluice audit` and `sluice explain`, and what their --help says.
//
// In:      the arguments behind the subcommand.
// Out:     their own flags; the rest, which are those of `sluice run`, for the loader.
// Owns:    static text.
// Thread:  pure.
// Limits:  their own flags are few: what an agent was started with is what these commands need.
// Fails:   with a sentence for the user.
// Why so:  who pastes the command line of the agent behind `sluice audit` asks about that agent.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sluice/units.h"

namespace sluice {

struct AuditFlags {
  bool help = false;
  bool json = false;
  bool open_only = false;           // leave out what is acknowledged to its end
  bool offline = false;             // do not ask an agent
  std::optional<Duration> since{};  // leave out what was over before
  std::string path;                 // `explain` only
  std::vector<char*> rest;          // flags of `sluice run`
  std::string problem;              // empty: all is well
};

AuditFlags read_audit_flags(std::span<char* const> args);
// The path is the first or the last argument.
AuditFlags read_explain_flags(std::span<char* const> args);

std::string audit_help();
std::string explain_help();

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// store_flags.h — the command line of what looks into a state directory: `sluice dlq`, `spool` and
// `audit`.
//
// In:      the arguments behind the command.
// Out:     its own verb and flags; the rest is the configuration of the agent whose state it is.
// Owns:    nothing.
// Thread:  one.
// Fails:   wrong flags and configurations are told on stderr, and there is no configuration then.
// Why so:  an agent may run meanwhile: its flags are all that is needed to find what is its own.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sluice/config.h"

namespace sluice {

struct StoreFlags {
  std::string verb;
  std::string destination;  // empty: all
  bool lines = false;
  bool help = false;
  std::vector<char*> rest;  // of `sluice run`
};

StoreFlags read_store_flags(std::span<char* const> args);

// The agent's configuration; nothing: it is wrong, and why was said.
std::optional<AgentConfig> agent_configuration(std::span<char* const> rest);

// One line on stderr.
void note(const std::string& text);

}  // namespace sluice

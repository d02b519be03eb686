// SPDX-License-Identifier: Apache-2.0
// run.h — the subcommand `sluice run`: from arguments to exit code.
//
// In:      the arguments behind `run`.
// Out:     0 after a stop that was asked for, 1 when the agent could not start or store its last
//          checkpoint, 78 for a configuration that is wrong.
// Owns:    the log, the admin port, the composition, for the life of the call.
// Thread:  the main thread.
// Why so:  everything a user can do wrong before the first line moves ends here, in one sentence
//          that names the remedy.
#pragma once

#include <span>

#include "sluice/config.h"

namespace sluice {

int run_main(std::span<char* const> args);

// An agent with this configuration until a signal ends it; the exit code. `args` are read again at
// each SIGHUP.
int run_agent(AgentConfig config, std::span<char* const> args);

}  // namespace sluice

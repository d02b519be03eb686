// SPDX-License-Identifier: Apache-2.0
// audit.h — the subcommands `sluice audit` and `sluice explain`.
//
// In:      the arguments behind them: their own flags and those of `sluice run`.
// Out:     text or JSON on stdout; exit codes as control/audit_flags.h says.
// Owns:    nothing.
// Thread:  one.
// Limits:  looks only: an agent is asked by HTTP, a store is copied before it is read.
// Fails:   without an agent and without a store with exit code 3: a silent success of a monitoring
//          job that looks at nothing would be the worst answer.
// Why so:  the agent is asked first, for only it knows what is in flight.
#pragma once

#include <span>

namespace sluice {

int audit_main(std::span<char* const> args);
int explain_main(std::span<char* const> args);

}  // namespace sluice

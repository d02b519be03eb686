// SPDX-License-Identifier: Apache-2.0
// bench.h — `sluice bench` and `sluice tune`: the agent's flags, measured on this host.
//
// In:      the arguments after the subcommand; variables and files as for `sluice run`.
// Out:     tables or JSON on stdout, progress on stderr; the exit code.
// Owns:    a private directory for logs and state, removed at the end.
// Thread:  the main thread.
// Limits:  as long as -seconds says.
// Fails:   exit code 1 with a sentence; 78 for a wrong configuration.
// Why so:  what measures (src/measure) knows stages and processes, but not how a configuration
//          becomes an agent; that is said here, once, by handing it functions.
#pragma once

#include <span>

namespace sluice {

int bench_main(std::span<char* const> args);
int tune_main(std::span<char* const> args);

}  // namespace sluice

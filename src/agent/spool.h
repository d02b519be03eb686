// SPDX-License-Identifier: Apache-2.0
// spool.h — `sluice spool list|verify|export`: what lies in the spool of a state directory.
//
// In:      arguments: a verb, -destination NAME, -lines, and the flags of `sluice run`.
// Out:     a table, a verdict, or the records on stdout.
// Owns:    nothing; it reads, and changes nothing.
// Thread:  its own process; an agent may run meanwhile.
// Fails:   exit codes: 0 done, 1 something is damaged or cannot be read, 78 the flags or the
//          configuration are wrong.
// Why so:  it looks through the very code that the agent reads with, so what it calls good the
//          agent will send.
#pragma once

#include <span>

namespace sluice {

int spool_main(std::span<char* const> args);

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// dlq.h — `sluice dlq list|show|replay`: the lines that a destination refused while it took others.
//
// In:      arguments: a verb, -destination NAME, -lines, and the flags of `sluice run`.
// Out:     a table, the letters, or their lines on stdout; notes about what was replayed.
// Owns:    a lock while it replays.
// Thread:  its own process; an agent may run meanwhile.
// Fails:   exit codes: 0 done, 1 something is still refused or could not be stored, 3 the
//          destination does not answer, 78 the flags or the configuration are wrong.
// Why so:  a letter is replayed at most once more than it was noted: sent, answered, noted, in this
//          order, and its request has the same key each time.
#pragma once

#include <span>

namespace sluice {

int dlq_main(std::span<char* const> args);

}  // namespace sluice

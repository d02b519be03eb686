// SPDX-License-Identifier: Apache-2.0
// receive.h — `sluice receive`: a small ingest server, and the counterpart that checks an agent.
//
// In:      the words after "receive".
// Out:     answers over HTTP; lines in files, on stdout or counted; a report; the exit code: 0, 1
//          (could not run, or --expect-complete and something is missing or damaged), 78 (flags).
// Thread:  main. SIGTERM and SIGINT finish the requests in progress and end it; a second one
//          does not wait for them.
#pragma once

#include <span>

namespace sluice {

int receive_main(std::span<char* const> args);

}  // namespace sluice

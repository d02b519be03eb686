// SPDX-License-Identifier: Apache-2.0
// generate.h — `sluice generate`: writes log files whose every line can be verified.
//
// In:      the words after "generate".
// Out:     the files, the ledger, a summary on stderr, and the exit code: 0, 1 or 78.
// Thread:  main. SIGTERM and SIGINT end the run early; the ledger is written all the same.
#pragma once

#include <span>

namespace sluice {

int generate_main(std::span<char* const> args);

}  // namespace sluice

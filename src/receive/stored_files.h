// SPDX-License-Identifier: Apache-2.0
// stored_files.h — feeds the lines of stored files to a verifier, after the fact.
//
// In:      a directory as `--out` leaves it: files of lines, in directories of one level or more.
// Out:     every line, taken by the verifier without latency. Hidden files and the
//          ledger are skipped.
// Thread:  one.
// Limits:  one file in memory at a time is avoided: 1 MiB blocks, and a line as long as it is.
// Fails:   Error of the first directory or file that cannot be read.
#pragma once

#include <string>

#include "receive/verifier.h"
#include "sluice/result.h"

namespace sluice {

// What a file holds behind its last newline: a line that a killed receiver did not finish and did
// not answer for, or a damaged file.
enum class TornEnd : uint8_t { kIsALine, kIsSkipped };

Result<void> read_stored_lines(const std::string& directory, const std::string& ledger,
                               TornEnd torn_end, Verifier* verifier);

}  // namespace sluice

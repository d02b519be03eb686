// SPDX-License-Identifier: Apache-2.0
// dead_letter_text.h — a dead letter as one line of JSON, and the names of the files of them.
//
// In:      a letter, the time.
// Out:     {"time":"…","destination":"…","reason":"refused","status":400,"answer":"…","path":"…",
//          "offset":N,"bytes":N,"id":"32 hex","key":"32 hex","record":{…}}. A record is there as it
//          was sent; one that is no JSON object comes as text.
// Owns:    nothing. Thread: any. Pure.
// Limits:  the answer's first bytes only; bytes that are no UTF-8 become U+FFFD.
// Fails:   cannot.
// Why so:  plain lines, so that grep, jq and a person in the night need no tool of ours.
#pragma once

#include <string>
#include <string_view>

#include "sluice/dead_letters.h"

namespace sluice {

// With its newline.
std::string dead_letter_line(const DeadLetter& letter, WallTime now);

// DESTINATION.NNNNNN.ndjson, with what no file name should hold as %XX; files of one destination
// are ordered by their numbers.
std::string dead_letter_file_name(std::string_view destination, uint32_t number);
// The number of a file of this destination; 0: it is none.
uint32_t dead_letter_file_number(std::string_view file_name, std::string_view destination);

// Below the state directory.
inline constexpr std::string_view kDeadLetterDirectory = "dead-letters";

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// log_deflate_matches.h — where the text of a block repeats itself.
//
// In:      a block of a body of log records.
// Out:     runs of match records that cover the block; how many runs.
// Owns:    nothing; borrows text and scratch for the call.
// Thread:  any; pure. The instruction set is chosen once per process (Highway), and all give the
//          same records.
// Limits:  a match is looked for where a word begins (a letter or digit behind something else), and
//          nowhere else; the last place where the same six bytes began a word is the only
//          candidate. Every record is verified against the bytes.
// Fails:   cannot.
// Why so:  general compressors look up every byte that no match covers. Log lines repeat by words,
//          and a match grows backwards over punctuation, so two lookups of three are saved for
//          under 1 % of the bytes. The loop has one branch, "longer than a vector", which is taken
//          once or twice a line: a mispredicted one costs as much as a whole lookup.
#pragma once

#include <cstddef>

#include "flow/compress/log_deflate_text.h"

namespace sluice {

// REQUIRES: text.end - text.begin <= kLogBlockBytesMax, text.begin <= kPrimeBytes + 64.
size_t find_matches(const BlockText& text, MatchScratch& scratch);

}  // namespace sluice

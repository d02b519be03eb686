// SPDX-License-Identifier: Apache-2.0
// json_text.h — any bytes as a JSON string, as UTF-8, or as one harmless line for a terminal.
//
// In:      bytes of any origin: names of files, answers of servers.
// Out:     appended to a string of the caller.
// Owns:    nothing.
// Thread:  pure.
// Limits:  for the control plane: a few strings per event or scrape. Records have their own kernel.
// Fails:   cannot; what is not UTF-8 becomes U+FFFD (JSON, metrics) or \xNN (terminal).
// Why so:  a file may be named with a newline, an escape sequence or half a character. None of
//          them may forge a log line, move the cursor or make a scrape fail to parse.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// With its quotes.
void append_json_string(std::string& out, std::string_view bytes);

// Valid UTF-8 as it is, each invalid sequence as U+FFFD.
void append_utf8(std::string& out, std::string_view bytes);

// Printable UTF-8 as it is; controls (C1 too), the backslash and invalid bytes as \n, \t, \\, \xNN.
void append_terminal_safe(std::string& out, std::string_view bytes);

}  // namespace sluice

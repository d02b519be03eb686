// SPDX-License-Identifier: Apache-2.0
// config_text.h — what a text in the configuration may hold.
//
// In:      names, paths, labels, header fields, as the user wrote them.
// Out:     an empty string, or the sentence that says what is expected.
// Thread:  pure.
// Limits:  names 64 bytes, label names 128, label values 4 KiB, header values 8 KiB, paths 4,095.
// Why so:  what passes here is copied into JSON records, request headers and metrics without
//          another look. A newline in a header would be a second header.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// Letters, digits and . _ - only, because names become values in metrics.
std::string name_problem(std::string_view text);
std::string path_problem(std::string_view text);
std::string text_problem(std::string_view text);
std::string label_problem(std::string_view name, std::string_view value);
std::string header_problem(std::string_view name, std::string_view value);

bool is_utf8(std::string_view text);

// At most 60 bytes of a text for a message, with control bytes and damaged UTF-8 as '?'.
std::string excerpt(std::string_view text);

// The text as a YAML scalar: plain where that is safe, else in double quotes.
std::string yaml_scalar(std::string_view text);

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// json_text.h — one string as a JSON string, for reports and ledgers.
//
// In:      any bytes. Invalid UTF-8 becomes U+FFFD, so that a report about damage is itself valid.
// Out:     the quoted, escaped string appended to a text.
// Thread:  pure. Not on the data path: one call per report field.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

void append_json_string(std::string_view bytes, std::string* text);
std::string json_string(std::string_view bytes);

}  // namespace sluice

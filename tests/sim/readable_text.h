// SPDX-License-Identifier: Apache-2.0
// readable_text.h — a second opinion on what bytes that are no UTF-8 become.
//
// In:      any bytes.
// Out:     the same text with U+FFFD in the place of every maximal part that is no character.
// Why so:  written from the table of the Unicode standard (3.9, D93b) and not from our decoder, so
//          that a line with bad bytes is judged by somebody else's reading.
#pragma once

#include <string>
#include <string_view>

namespace sluice::sim {

std::string readable_text(std::string_view bytes);

}  // namespace sluice::sim

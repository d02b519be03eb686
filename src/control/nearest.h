// SPDX-License-Identifier: Apache-2.0
// nearest.h — finds the word that a user most likely meant.
//
// In:      a misspelt word and the words that would have been right.
// Out:     the nearest one by edits (insert, delete, replace, swap of neighbours), or nothing when
//          none is near enough to be worth saying.
// Thread:  pure.
// Limits:  words are compared without regard to case, '-' and '_' are the same letter. Words over
//          64 bytes are near nothing, so a hostile input cannot buy quadratic work.
// Why so:  "unknown key 'endpiont'" sends a person to the manual; "did you mean 'endpoint'?" does
//          not.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace sluice {

// Edits that turn one word into the other.
size_t edit_distance(std::string_view left, std::string_view right);

// The nearest candidate, if it takes at most one edit per three letters (at least one). The result
// is one of the candidates; among equally near ones the first.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// argument_spelling.h — lets long flags be written with one dash or two.
//
// In:      the words after the subcommand.
// Out:     the same words, long flags with two dashes, in the reverse order that CLI11 consumes.
// Thread:  pure.
// Limits:  -x of one letter stays as it is, so does everything after "--", and negative numbers.
// Why so:  people come from a tool that writes -paths; CLI11 would read that as six letters.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <vector>

namespace sluice {

inline std::vector<std::string> reversed_two_dash_words(std::span<char* const> args) {
  std::vector<std::string> words;
  bool only_values = false;
  for (const char* const arg : args) {
    std::string word = arg;
    only_values = only_values || word == "--";
    const bool long_with_one_dash = word.size() > 2 && word[0] == '-' && word[1] != '-' &&
                                    word[2] != '=' && !(word[1] >= '0' && word[1] <= '9');
    if (!only_values && long_with_one_dash) word.insert(0, 1, '-');
    words.push_back(std::move(word));
  }
  std::reverse(words.begin(), words.end());
  return words;
}

}  // namespace sluice

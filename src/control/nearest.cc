// SPDX-License-Identifier: Apache-2.0
#include "control/nearest.h"

#include <algorithm>
#include <vector>

namespace sluice {
namespace {

constexpr size_t kWordBytesMax = 64;

char folded(char letter) {
  if (letter == '_') return '-';
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

}  // namespace

// Optimal string alignment: three rows are enough, the third for the swap of neighbours.
size_t edit_distance(std::string_view left, std::string_view right) {
  std::vector<size_t> before_last(right.size() + 1), last(right.size() + 1), row(right.size() + 1);
  for (size_t j = 0; j <= right.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= left.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= right.size(); ++j) {
      const bool same = folded(left[i - 1]) == folded(right[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0U : 1U)});
      if (i > 1 && j > 1 && folded(left[i - 1]) == folded(right[j - 2]) &&
          folded(left[i - 2]) == folded(right[j - 1]))
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[right.size()];
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.size() > kWordBytesMax) return {};
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace sluice

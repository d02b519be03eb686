// SPDX-License-Identifier: Apache-2.0
// median.h — the middle of a few measurements, and how far they lie apart.
//
// In:      values of rounds of one run.
// Out:     median, least and greatest. Of an even number the mean of the two in the middle.
// Thread:  pure.
// Limits:  a few hundred values; they are copied.
// Why so:  on a shared machine the mean of seven rounds is the mean of six and one accident.
#pragma once

#include <algorithm>
#include <vector>

#include "sluice/check.h"

namespace sluice {

struct Spread {
  double median = 0;
  double least = 0;
  double greatest = 0;
};

// REQUIRES: values is not empty.
inline Spread spread_of(std::vector<double> values) {
  SLUICE_CHECK(!values.empty(), "something was measured");
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {median, values.front(), values.back()};
}

}  // namespace sluice

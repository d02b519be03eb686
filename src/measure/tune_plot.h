// SPDX-License-Identifier: Apache-2.0
// tune_plot.h — all trials of `sluice tune` as one chart.
//
// In:      TuneFigures.
// Out:     an SVG document that any browser shows: a panel per flag, a bar per value and measure,
//          the chosen value in colour.
// Owns:    nothing. Pure.
// Limits:  no script, no font of its own, no link to anywhere; texts are escaped.
// Why so:  plain SVG needs no library to be written and none to be read, and it scales in a page of
//          documentation.
#pragma once

#include <string>

#include "measure/tune_run.h"

namespace sluice {

std::string tune_svg(const TuneFigures& figures);

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// bench_report.h — the figures of `sluice bench` as a page for people and as JSON.
//
// In:      BenchFigures.
// Out:     text.
// Owns:    nothing. Pure.
// Limits:  three digits: more would be noise.
// Why so:  each table answers one question of an operator: what can a core do, where does it go,
//          what would another level, size of body, number of shards change.
#pragma once

#include <string>

#include "measure/bench_figures.h"

namespace sluice {

std::string bench_text(const BenchFigures& figures);
std::string bench_json(const BenchFigures& figures);

}  // namespace sluice

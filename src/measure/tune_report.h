// SPDX-License-Identifier: Apache-2.0
// tune_report.h — what `sluice tune` tried and what it recommends, for people and as JSON.
//
// In:      TuneFigures.
// Out:     text.
// Owns:    nothing. Pure.
// Limits:  the recommendation names only the flags that were tried.
// Why so:  a recommendation that cannot be pasted is homework: the same values stand there as flags
//          and as keys of the file, and beside each the reason.
#pragma once

#include <string>

#include "measure/tune_run.h"

namespace sluice {

std::string tune_text(const TuneFigures& figures);
std::string tune_json(const TuneFigures& figures);

// "-level fast -shards 2 …"
std::string recommended_flags(const TuneFigures& figures);
// "level: fast\nshards: 2\n…"
std::string recommended_yaml(const TuneFigures& figures);

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// campaign.h — many schedules, and what they prove: figures, rare states, distinct traces.
//
// In:      the seeds, how many processes share them, a journal to go on from (crew.h); in builds
//          with planted bugs, which bug.
// Out:     a report on stdout and an exit code: 0 all promises held and every rare state was
//          reached, 1 not so, 2 the campaign could not begin.
// Owns:    the hashes of all traces, eight bytes each.
// Limits:  the first broken promise ends it and its shortest trace is told, or all of them are
//          listed (`keep_going`).
// Why so:  a number of schedules says little; how many of them differed, which states they came to
//          and which planted bugs they find says what they are worth.
#pragma once

#include <cstdint>

#include "crew.h"
#include "sluice/planted.h"

namespace sluice::sim {

// One schedule, told step by step.
int tell(uint64_t seed);
// The shortest trace of the promise that this seed breaks.
int tell_shortest(uint64_t seed);
int run_campaign(const Wanted& wanted);
// Every planted bug, or one of them, in up to `schedules` schedules each.
int run_planted(Planted only, uint64_t schedules);

}  // namespace sluice::sim

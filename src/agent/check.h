// SPDX-License-Identifier: Apache-2.0
// check.h — `sluice check`, with the answers that the configuration gets from other parts.
//
// In:      the arguments behind `check`.
// Out:     0, or 78 when something is wrong; see control/config_check.h.
// Owns:    nothing.
// Thread:  one.
// Why so:  the configuration knows neither the language of patterns nor the plan of buffers; here,
//          and for `run`, it is given both, so that a check refuses exactly what a run would
//          refuse.
#pragma once

#include <span>

#include "control/config_check.h"
#include "control/config_load.h"

namespace sluice {

ConfigRules config_rules();
CheckTools check_tools();
int check_configuration_main(std::span<char* const> args);

}  // namespace sluice

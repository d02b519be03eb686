// SPDX-License-Identifier: Apache-2.0
// explain.h — whether a path is followed, by which rule or why not, and how far.
//
// In:      the configuration, a path, an audit; the disk as this process may see it.
// Out:     an explanation: facts, the lines of the audit that concern the file, one verdict.
// Owns:    nothing.
// Thread:  any: the admin port's, or the command's.
// Limits:  looks at the path and the directories above it; opens the file, and reads nothing of it,
// to
//          learn whether the links on the way are followed.
// Fails:   cannot; what the disk refuses is a fact.
// Why so:  a running agent answers with its own eyes, since rules and permissions are its own. Of
//          paths that no rule wants it does not even say whether they exist: everybody on the
//          machine may ask, and the agent may read more than everybody.
#pragma once

#include <string>

#include "control/explanation.h"
#include "sluice/config.h"

namespace sluice {

// `path` is absolute.
Explanation explain_path(const AgentConfig& config, const std::string& path,
                         const AuditReport& report);

}  // namespace sluice

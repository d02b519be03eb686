// SPDX-License-Identifier: Apache-2.0
// state_directory.h — the directory that survives the agent: made private, and durable as a name.
//
// In:      a path from the configuration; parts of it may not exist yet.
// Out:     the directory, or a sentence for the user that names it and the way out.
// Owns:    nothing; file descriptors live for the call.
// Thread:  any; start-up and the steward only.
// Limits:  what is created is 0700 (XDG asks for that too); what exists keeps its mode, since
//          systemd's StateDirectory= decides there.
// Fails:   with an Error, and with words in `problem`.
// Why so:  a file whose directory entry was never synced is gone after a power cut, however often
//          the file itself was.
#pragma once

#include <string>

#include "sluice/result.h"

namespace sluice {

// Creates `path` and its missing parents; every new name is durable on return.
Result<void> make_state_directory(const std::string& path, std::string& problem);

// Makes creations, renames and removals in `path` durable.
Result<void> sync_directory(const std::string& path);

// One sentence: what could not be done, why, and what to do about it.
std::string state_problem(const std::string& subject, const Error& error);

}  // namespace sluice

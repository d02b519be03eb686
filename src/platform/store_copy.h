// SPDX-License-Identifier: Apache-2.0
// store_copy.h — reads a checkpoint store that belongs to somebody else, without touching it.
//
// In:      a state directory, of an agent that runs, has stopped, or was killed.
// Out:     its rows; whether an agent holds the directory at the moment.
// Owns:    a private copy in the directory for temporary files, removed before it returns.
// Thread:  the calling one; blocks.
// Limits:  copies the database and its log, some 20 MB for 100,000 rows.
// Fails:   kNotFound: there is no store. Else with a sentence in `problem`.
// Why so:  opening a database of SQLite means replaying, locking and deleting its log. Whoever
//          only looks must do none of that to a store that an agent may need in the next moment,
//          and the log must be read: after kill -9 it holds the newest positions.
#pragma once

#include <string>

#include "sluice/store.h"

namespace sluice {

Result<StoredState> read_store_copy(const std::string& directory, std::string& problem);

// An agent holds the lock of the state directory.
bool state_directory_in_use(const std::string& directory);

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// offline_audit.h — the audit when no agent runs: its checkpoint rows against the files on disk.
//
// In:      a configuration, the rows of the store, the disk.
// Out:     the lines that a start of the agent would begin with. Nothing is opened for writing.
// Owns:    nothing after the call.
// Thread:  one; reads directories, and the head and a few bytes of each file with a row.
// Limits:  one open descriptor at a time.
// Fails:   a file that cannot be read shows as unreadable.
// Why so:  it asks the very functions by which the agent recognises a file (identity.h), so that
//          "unread" here is what will be read there.
#pragma once

#include "sluice/audit.h"
#include "sluice/config.h"
#include "sluice/disk.h"
#include "sluice/store.h"

namespace sluice {

// REQUIRES: the configuration was checked.
AuditReport offline_audit(const AgentConfig& config, StoredState stored, Disk& disk, WallTime now);

}  // namespace sluice

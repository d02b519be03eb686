// SPDX-License-Identifier: Apache-2.0
// linked_path.h — opens a path whose symbolic links may belong to somebody who wants to be shown
// what he may not read himself.
//
// In:      an absolute path, flags of open(2), which links to follow.
// Out:     an open descriptor, or an Error; a link that is not followed is kDenied with ELOOP.
// Owns:    nothing; the descriptor belongs to the caller.
// Thread:  any. No state.
// Limits:  40 links, as the kernel. Hard links are the kernel's to guard (fs.protected_hardlinks).
// Fails:   as open(2).
// Why so:  an agent that may read everything follows the names in a directory that a user may write
//          to. A link there leads it to any file of the machine, and its lines leave the machine.
//          So a link is followed if root or the agent's own user made it, or if what it leads to
//          belongs to who made it: nobody shows us more than what is his. It holds for every part
//          of the path, and the decision and the open are one walk over descriptors, so that
//          nothing can be exchanged between them. fs.protected_symlinks guards sticky directories
//          alone, and may be off.
#pragma once

#include <string>

#include "sluice/config.h"
#include "sluice/result.h"

namespace sluice {

Result<int> open_linked(const std::string& path, int flags, FollowLinks follow);

}  // namespace sluice

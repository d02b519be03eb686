// SPDX-License-Identifier: Apache-2.0
// siblings.h — what lies beside a name: the files that rotation made of it, whatever they are
// called.
//
// In:      a directory and a choice of names.
// Out:     the regular files under those names, and whether nothing moved while they were looked
//          at.
// Owns:    nothing; borrows the Disk for the call.
// Limits:  two passes over the directory; stat() only for names that are chosen. Called when a name
//          moved or a row is searched, never on a timer of its own.
// Fails:   with the error of the listing. A file that cannot be examined makes the look unsteady.
// Why so:  a directory is listed and then examined name by name, while a rotation renames from the
//          other end: a file may be missed by both. Two passes that agree have missed nothing.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/disk.h"
#include "sluice/result.h"

namespace sluice {

struct Sibling {
  std::string name;
  FileStat stat;
};

struct Surroundings {
  std::vector<Sibling> files;  // by name
  bool steady = true;          // false: look again before you believe that something is not there
};

using NameChoice = std::function<bool(const std::string& name)>;

// A directory that is not there has no files.
Result<Surroundings> look_around(Disk& disk, const std::string& directory,
                                 const NameChoice& chooses);

// The names that a rotation may have made `name` of: a.log for a.log.1, a.log-20261122, a.log.old,
// and, with its number before the extension, a-20261122.log. Compressed ones are not among them.
std::vector<std::string> names_before_rotation(std::string_view name);

}  // namespace sluice

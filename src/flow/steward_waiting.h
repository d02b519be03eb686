// SPDX-License-Identifier: Apache-2.0
// steward_waiting.h — what the steward has in mind and does not follow: paths without a descriptor,
// rows without a file, rows whose file was compressed.
//
// In:      filled by the steward when something cannot be done yet, or a file is nowhere.
// Out:     plain structs.
// Owns:    an archive that is being unpacked.
// Thread:  the steward's.
// Limits:  one entry per path or row.
// Why so:  apart from steward.h, which says what the steward does.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flow/discover/identity.h"
#include "flow/steward_rests.h"
#include "flow/unpacking.h"
#include "sluice/result.h"
#include "sluice/units.h"

namespace sluice {

// A path that should be followed but has no descriptor yet.
struct Unopened {
  bool wants_room = false;  // the budget of descriptors is spent; else it was refused
  bool first_look = false;  // it was there when the agent started
  Error error{};            // the last one
};
// A free row whose file may lie under a name that no pattern wants.
struct LeftRow {
  enum class Place : uint8_t { kUnknown, kFound, kPacked, kAbsent };
  Place place = Place::kUnknown;
  std::string found_at;
  MonoTime since;
};
// A row whose file was compressed: its rest is read out of an archive.
struct PackedRow {
  struct Archive {
    std::string path;
    FileStat found;  // at the look: rotation gives its name to another one
  };
  std::vector<Archive> archives;         // that may hold it, the oldest first
  std::unique_ptr<Unpacking> unpacking;  // of the first of them
  FileStat archive{};                    // that one
  std::optional<FileKey> file;           // the scratch file, once it is followed
  FileOffset given_back;                 // what lies before it there is gone
  bool moved = false;                    // one of them was renamed meanwhile
  std::unique_ptr<Rest> rest{};          // that it went on with when it was followed
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// file_model.h — the simulated files, and what became of every byte that was ever in them.
//
// In:      written by SimDisk (contents) and by the Ledger (what was taken, stored, acknowledged).
// Out:     plain structs.
// Owns:    SimDisk keeps them all until the end of the schedule, deleted files too: the oracle must
//          be able to say what was in them.
// Why so:  a file's content between two truncations is one Life. All promises are about bytes of
//          lives, so that names, inodes, epochs and tails are what they are for the oracle too: the
//          agent's guesses.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "range_set.h"

namespace sluice::sim {

inline constexpr size_t kDestinationsMax = 2;

struct Life;

// A content that was followed up to here before the present one took its place unseen.
struct EarlierLife {
  Life* life = nullptr;
  int64_t until = 0;
};

// What became of the bytes of one life on their way to one destination.
struct Reach {
  RangeSet taken;           // read into blocks, by the present run
  RangeSet stored;          // by the receiver, ever
  RangeSet stored_now;      // by the receiver, sent by the present run
  RangeSet acked;           // the agent was told so, ever
  RangeSet acked_now;       // the present run was told so
  RangeSet dropped;         // by overflow: drop-oldest
  RangeSet excused;         // not owed: from: end
  RangeSet excused_once;    // and owed since, because the agent lost its row and found the file
  RangeSet refused;         // by the receiver, each line alone, ever
  RangeSet dead;            // in the dead letters, durably
  RangeSet resent;          // stored, not answered, and then refused: its parts come again
  RangeSet in_spool;        // durable there, and not delivered from there
  RangeSet spooled;         // a position may pass them, since they are, or were, in the spool
  RangeSet spooled_before;  // in the spool when the present run began: may come twice
  int64_t resumed_at = 0;   // where the present run began: nothing before it is sent again
  bool goes_on_from_original = false;  // where that was read, not where it was acknowledged
  bool goes_on = false;  // the present run follows the content that came after as the same
  std::vector<EarlierLife> goes_on_from;  // contents that a run followed on in this one

  // What nobody needs to send any more.
  RangeSet delivered() const {
    RangeSet all = acked;
    all.add(dropped);
    all.add(excused);
    all.add(dead);
    return all;
  }
  // What nobody needs to read any more.
  RangeSet settled() const {
    RangeSet all = delivered();
    all.add(spooled);
    return all;
  }
};

struct Inode;
struct Life {
  uint32_t serial = 0;
  Inode* inode = nullptr;
  Life* parent = nullptr;   // the content before, if this one began with bytes of it
  bool is_copy = false;     // a rotator made it of its parent, which is another file's
  bool copy_ended = false;  // it came to the end of it, or will
  std::string content;
  RangeSet gaps;           // that nobody wrote: they read as zeros
  bool destroyed = false;  // truncated away, or out of the agent's reach for good
  std::array<Reach, kDestinationsMax> at;
};

struct Inode {
  uint32_t serial = 0;  // never used again, unlike the number
  uint64_t number = 0;
  int64_t birth_ns = 0;  // 0 if this file system knows none
  int64_t modified_ns = 0;
  int64_t changed_at = 0;  // in nanoseconds of the schedule, exact
  size_t synced = 0;       // how much of the content survives a loss of power for certain
  int32_t links = 0;
  int32_t handles = 0;         // of the agent
  int32_t writers = 0;         // descriptors of writers
  int64_t unlinked_step = -1;  // of the schedule
  bool number_freed = false;
  bool packed = false;                           // an archive holds its content
  Inode* packed_from = nullptr;                  // an archive: whose content it holds
  bool scratch = false;                          // the agent made it, to unpack an archive in it
  Life* stands_for = nullptr;                    // the content that is unpacked in it
  std::array<bool, kDestinationsMax> unknown{};  // out of sight before the agent knew it: not owed
  bool read_by_run = false;                      // the present run has read from it
  const Life* closed_with = nullptr;             // the content when the agent let go of it
  Life* life = nullptr;                          // the present content
  std::vector<Life*> lives;
};

}  // namespace sluice::sim

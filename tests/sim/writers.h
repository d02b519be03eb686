// SPDX-License-Identifier: Apache-2.0
// writers.h — programs that log, and the rotators that pull their files away under them.
//
// In:      the disk; orders of the schedule: write, rotate, truncate, delete.
// Out:     files, one stream of lines each; every line says who wrote it and which one it is.
// Owns:    the writers' descriptors and unfinished lines.
// Thread:  one.
// Limits:  a writer opens its file anew within three seconds after it was rotated or deleted: what
//          is written into a deleted file five seconds after the agent came to its end is lost by
//          design.
// Why so:  no two lines are equal, so a content that was replaced never looks like the old one by
//          chance, and every byte has one place where it belongs.
#pragma once

#include <string>
#include <vector>

#include "dice.h"
#include "plan.h"
#include "sim_disk.h"
#include "witness.h"

namespace sluice::sim {

enum class Rotation : uint8_t { kRename, kCopyTruncate, kTruncate, kCut, kDelete, kReplace };

class Writers {
 public:
  Writers(const Plan& plan, Witness& witness, SimDisk& disk, Dice dice);

  size_t count() const { return streams_.size(); }
  // A few lines; perhaps the last one is not finished.
  void write(size_t stream);
  void rotate(size_t stream, Rotation how);
  // The second half of a copytruncate.
  void finish_copy(size_t stream);
  // The machine goes down: nobody has anything open any more.
  void lose_power();
  // The end of the troubled time: reopen, and finish lines that were begun.
  void come_to_rest(size_t stream);

 private:
  struct Stream {
    std::string path;
    Inode* open = nullptr;
    MonoTime reopen_at = kNever;
    int64_t lines = 0;
    std::string rest;  // of an unfinished line
    Life* rest_in = nullptr;
    Inode* copied = nullptr;  // to be truncated
  };
  void reopen(Stream& stream);
  void reopen_if_due(Stream& stream);
  void be_told(Stream& stream, Duration late);
  void shift(const std::string& path);
  std::string make_line(size_t stream);
  void finish_line(Stream& stream);

  const Plan& plan_;
  Witness& witness_;
  SimDisk& disk_;
  Dice dice_;
  std::vector<Stream> streams_;
};

}  // namespace sluice::sim

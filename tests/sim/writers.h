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
#include <string_view>
#include <vector>

#include "dice.h"
#include "plan.h"
#include "sim_disk.h"
#include "witness.h"

namespace sluice::sim {

enum class Rotation : uint8_t {
  kRename,
  kCopyTruncate,
  kTruncate,
  kCut,
  kDelete,
  kReplace,
  kPack,      // what was rotated before and has no writer
  kRetarget,  // the stream's link to a new file
};

class Writers {
 public:
  Writers(const Plan& plan, Witness& witness, SimDisk& disk, Dice dice);

  size_t count() const { return streams_.size(); }
  // A few lines; perhaps the last one is not finished.
  void write(size_t stream);
  void rotate(size_t stream, Rotation how);
  // The directory /logs/app gets another name, or is removed with all that is in it.
  void move_directory();
  // The second half of a copytruncate.
  void finish_copy(size_t stream);
  // The machine goes down: nobody has anything open any more.
  void lose_power();
  // The end of the troubled time: reopen, and finish lines that were begun.
  void come_to_rest(size_t stream);

 private:
  struct Stream {
    std::string path;
    std::string link;  // by which the agent knows it; empty: by the path
    int targets = 0;   // that the link had
    int rotated = 0;   // behind a link: names are never used again
    bool appends = true;
    size_t at = 0;  // where it goes on if it does not append
    Inode* open = nullptr;
    MonoTime reopen_at = kNever;
    int64_t lines = 0;
    std::string rest;  // of an unfinished line
    Life* rest_in = nullptr;
    Inode* copied = nullptr;  // to be truncated
    Inode* copy = nullptr;    // that is made of it
    bool copy_closed = false;
  };
  void reopen(Stream& stream);
  void reopen_if_due(Stream& stream);
  void be_told(Stream& stream, Duration late);
  Inode* create(const std::string& path);
  void put(Stream& stream, std::string_view text);
  void shift(const std::string& path);
  void shift_name(const std::string& from, const std::string& to);
  std::string rotated_name(Stream& stream);
  void pack(Stream& stream);
  void retarget(Stream& stream);
  void link(Stream& stream, const std::string& directory);
  void give_up_copy(Stream& stream);
  void copy_more(Stream& stream, size_t end);
  std::string make_line(size_t stream);
  void finish_line(Stream& stream);

  const Plan& plan_;
  Witness& witness_;
  SimDisk& disk_;
  Dice dice_;
  std::vector<Stream> streams_;
  int directories_moved_ = 0;
};

}  // namespace sluice::sim

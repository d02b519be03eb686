// SPDX-License-Identifier: Apache-2.0
// steward_files.h — the files that are followed, and their tails: one file on its way to one
// destination each.
//
// In:      what the steward opened, adopted and closed.
// Out:     a file by key, a tail by number, the shard that has the least to do.
// Owns:    the entries, not the descriptors in them: the steward opens and closes those.
// Thread:  the steward's. Pure.
// Limits:  a tail number is never used twice, so that a late ack meets nobody instead of a
//          stranger.
// Why so:  several destinations share one descriptor and differ in everything else, so a file and
//          its tails are two things.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "flow/checkpoint/ack_window.h"
#include "flow/checkpoint/tail_ledger.h"
#include "flow/discover/identity.h"
#include "flow/steward_rests.h"
#include "sluice/disk.h"
#include "sluice/ids.h"
#include "sluice/store.h"
#include "sluice/units.h"

namespace sluice {

// "At this time the file already had this size": with the committed offset it tells how old the
// oldest unacknowledged byte is.
struct SizeMark {
  FileOffset size;
  MonoTime at;
};

struct FollowedTail {
  TailId id;
  FileKey file;
  SourceId source;
  DestinationId destination;
  ShardId shard;
  int64_t row = 0;
  AckWindow window;
  bool hot = true;        // the shard looks by itself; hints are not needed
  bool yields = false;    // the shard was told that somebody waits for the descriptor
  bool dirty = false;     // the checkpoint row is behind the window
  bool released = false;  // the shard has let go
  // What the file looked like when the shard last said that there is nothing new.
  Bytes rest_size = Bytes(-1);
  FileOffset rest_end;    // how far it had looked by then
  Bytes rest_unfinished;  // of a line without its end, before rest_end
  WallTime rest_modified;
  std::deque<SizeMark> marks;
  // For the search of copies: the answer to the last kWhere, and up to which epoch the shard need
  // not tell any more that the content was replaced.
  bool place_asked = false;
  int questions = 0;  // kWhere without an answer
  Epoch place_epoch{};
  ContentProof place{};
  Epoch parted_to{};
  WallTime proven_at{};      // the file had its lines when it was last changed at this time
  WallTime content_since{};  // the same of the content before: a copy of the present one is younger
  bool placed() const { return place_asked && questions == 0; }
  // For the audit.
  TailLedger ledger{};
  Epoch told_epoch{};
  FileOffset told_end{};      // how far the shard had read when it was asked last
  int32_t trouble_errno = 0;  // of the last read that failed

  // Nothing of the file is missing, nor under way: a file that was just truncated is small, and
  // lines of what it held may still be on the road.
  bool acked_to(Bytes size) const {
    return window.committed() - FileOffset(0) >= size &&
           window.committed() + rest_unfinished >= rest_end;
  }
  // At rest, and nothing is missing but the end of the last line.
  bool can_rest(Bytes size) const {
    return acked_to(size) || (!hot && rest_end == FileOffset(size.value) &&
                              window.committed() + rest_unfinished == rest_end);
  }
};

struct FollowedFile {
  enum class State : uint8_t {
    kOpen,
    kReleasing,  // shards were asked to let go
    kParked,     // closed to save a descriptor, everything acknowledged; the name is still there
  };
  FileKey key;
  FileHandle handle;
  State state = State::kOpen;
  bool refused = false;  // compressed: not followed, and forgotten when the shards let go
  FileIdentity identity;
  std::string path;                // under which it was found; stays in the records
  std::vector<std::string> names;  // that refer to it now
  std::vector<TailId> tails;
  Bytes size;  // at the last look
  WallTime modified;
  MonoTime looked_at{};  // the last look
  MonoTime quiet_since;  // the last look that found it grown
  bool leaving = false;  // no name refers to it
  bool unlinked = false;
  bool incomplete = false;   // a tail is missing: the disk failed when it was due
  bool moved = false;        // it lost the name under which it was found: it was rotated or deleted
  bool unpacking = false;    // out of an archive, and more is to come
  std::string packed_in;     // the archive; the file behind the handle is ours, without a name
  FileStat archive{};        // the same, as it was then
  bool is_copy = false;      // of a content that was truncated: it has the tails of its rests
  bool said_shared = false;  // several sources want it
};

class FollowedFiles {
 public:
  explicit FollowedFiles(size_t shards) : tails_of_shard_(shards, 0) {}

  FollowedFile* find(const FileKey& key);
  FollowedTail* find(TailId tail);
  FollowedFile& at(const FileKey& key);
  FollowedTail& at(TailId tail);

  FollowedFile& add_file(FileKey key, FileHandle handle);
  // REQUIRES: it has no tails.
  void remove_file(FileKey key);
  FollowedTail& add_tail(FollowedFile& file, SourceId source, DestinationId destination,
                         const CheckpointRow& row);
  void remove_tail(TailId tail);

  const std::unordered_map<FileKey, FollowedFile, FileKeyHash>& files() const { return files_; }
  std::unordered_map<FileKey, FollowedFile, FileKeyHash>& files() { return files_; }
  const std::unordered_map<uint32_t, FollowedTail>& tails() const { return tails_; }
  std::unordered_map<uint32_t, FollowedTail>& tails() { return tails_; }

  bool acked_to_size(const FollowedFile& file);
  bool can_rest(const FollowedFile& file);
  // The file's tail for the destination; null if there is none.
  FollowedTail* tail_for(const FollowedFile& file, DestinationId destination);
  bool serves(const FollowedFile& file, DestinationId destination) {
    return tail_for(file, destination) != nullptr;
  }

 private:
  // The shard with the fewest tails; the lowest number among equals.
  ShardId least_loaded() const;

  std::unordered_map<FileKey, FollowedFile, FileKeyHash> files_;
  std::unordered_map<uint32_t, FollowedTail> tails_;
  std::vector<size_t> tails_of_shard_;
  uint32_t last_tail_ = 0;
};

// How old the oldest unacknowledged byte is, as far as surveys have seen. Forgets marks that are
// acknowledged, and thins them out when the tail has been behind for long.
Duration age_behind(std::deque<SizeMark>& marks, FileOffset committed, FileOffset size,
                    MonoTime now);

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// steward_rests.h — what a truncation leaves to be done: whose content was cut off where, which
// copy may hold it, and which new names are held back because they may be such copies.
//
// In:      filled by the steward when a shard or a look at the disk tells of a truncation.
// Out:     plain structs.
// Owns:    the acks and the books of the content that is over, until its copy goes on with them.
// Thread:  the steward's.
// Limits:  one Rest per truncation and destination until the search has ended; a Cut lives for one
//          question to the shards.
// Why so:  the content that a copy continues has a life of its own: lines of it are still on their
//          way, and its row must survive a crash although no file belongs to it. Such a row has the
//          inode number 0, which no file has.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "flow/checkpoint/ack_window.h"
#include "flow/checkpoint/tail_ledger.h"
#include "flow/discover/identity.h"
#include "sluice/ids.h"
#include "sluice/store.h"
#include "sluice/units.h"

namespace sluice {

inline bool is_rest(const CheckpointRow& row) {
  return row.identity.inode == 0 && !row.destination.empty();
}

// Bytes that lie before an offset, as a hash. Nothing is proven by no bytes.
struct ContentProof {
  FileOffset at;
  uint32_t bytes = 0;
  uint64_t hash = 0;
};

// A file of this size that held what a tail had read so far.
struct KnownCopy {
  FileKey key;
  Bytes size;
  std::vector<std::pair<TailId, Epoch>> of{};
};

// The unread end of a content that was truncated, on its way to one destination.
struct Rest {
  int64_t row = 0;         // without a file; its head is a part of the proof
  int64_t origin_row = 0;  // of the file that was truncated; 0: not known any more
  FileKey file{};          // that was truncated
  TailId tail{};           // that read it
  AckWindow window;        // of the lines that were read; more acks of them may come
  TailLedger ledger;
  FileOffset taken;         // where reading the copy begins
  bool taken_known = true;  // else the shard's word is still on its way
  ContentProof proof;
  bool head_known = false;  // the head in its row was read while its lines were: else it may be of
                            // a content that was there before them
  std::vector<KnownCopy> copies;
  WallTime seen_at;  // the content before was there at this time: a copy is not older
  MissedReason reason = MissedReason::kTruncated;
  uint32_t searches = 0;  // that could not tell
  bool is_late = false;   // what was read of it is in the books of its tail

  explicit Rest(AckWindow acks) : window(std::move(acks)) {}
};

// A file was truncated; not all of its tails have said yet how much of the old content they took.
struct Cut {
  FileKey file;
  FileIdentity head;  // of the old content
  Bytes size;         // the same
  ContentProof proof{};
  bool replaced = false;  // one tail found other content where it had read
  std::vector<TailId> pending;
  std::vector<TailId> apart;  // took nothing, or what they took is there
  bool asks_again = false;    // the disk did not answer
};

// A new name that may be a copy which is being made of a followed file.
struct HeldName {
  std::string original;     // the path of that file
  KnownCopy copy{};         // how much of it this one was last seen to be; size 0: nothing yet
  MonoTime since{};         // it did not grow
  bool asked = false;       // its tails were asked where they read
  bool first_look = false;  // it was there when the agent started
};

}  // namespace sluice

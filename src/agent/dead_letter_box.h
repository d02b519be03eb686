// SPDX-License-Identifier: Apache-2.0
// dead_letter_box.h — reads the dead letters of a state directory and notes which were replayed.
//
// In:      FILE.ndjson as DeadLetterFiles writes them, FILE.ndjson.done with the ids of those that
//          were replayed, one per line.
// Out:     letters that are still to be replayed, each id once; notes, durable on return.
// Owns:    nothing between calls. Thread: a command's.
// Limits:  one file in memory at a time. A line that is broken (a crash, a full disk) is no letter;
//          the agent writes it again.
// Fails:   with an Error that names the operation.
// Why so:  the agent may append while this reads, so files are only ever added to, and a file goes
//          away only when all of it is replayed and nobody writes to it any more.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "sluice/ids.h"
#include "sluice/result.h"

namespace sluice {

struct FiledLetter {
  std::string line;  // as it is in its file, without the newline
  std::string time, destination, reason, path, id;
  int64_t status = 0;
  int64_t offset = 0;
  Digest128 key;
  std::string record;  // a JSON object
  std::string text;    // the record's "line"
};

class DeadLetterBox {
 public:
  // `directory`: the one of the letters; it need not exist.
  explicit DeadLetterBox(std::string directory) : directory_(std::move(directory)) {}

  // The files of all destinations, the oldest of each first.
  Result<std::vector<std::string>> files() const;
  // Those letters of the file that are not replayed and not in `seen`; adds them to it.
  Result<std::vector<FiledLetter>> open_letters(const std::string& file,
                                                std::set<std::string>& seen) const;
  Result<void> note_replayed(const std::string& file, const std::string& id) const;
  // Removes the file if nothing of it is left to replay.
  Result<bool> remove_if_done(const std::string& file) const;

 private:
  std::string path_of(const std::string& file) const { return directory_ + "/" + file; }
  std::set<std::string> replayed(const std::string& file) const;

  const std::string directory_;
};

}  // namespace sluice

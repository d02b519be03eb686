// SPDX-License-Identifier: Apache-2.0
// file_store.h — one output file per host and path, written all or nothing per request.
//
// In:      the records of one request.
// Out:     DIR/<host>/<path>, one line per record, newline added. Names are made safe.
// Owns:    up to kOpenFilesMax descriptors, the least recently used closed first.
// Thread:  one; the only writer of DIR.
// Limits:  a name of more than 200 bytes is cut and ends in its hash. Durable: sync() makes
//          everything written so far survive a power cut: the files, and the directories of new
//          ones.
// Fails:   a failed write is taken back (the files get their former length), so a refused request
//          leaves nothing. After a failed sync the file takes no more lines: what the kernel did
//          with its pages is unknown.
#pragma once

#include <cstdint>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "receive/durable_file.h"
#include "receive/record_reader.h"
#include "sluice/result.h"

namespace sluice {

// A file name that no path can escape with: letters, digits, '.', '_' and '-' stay, '/' becomes
// '~', all else becomes %XX, and so does a leading dot. Different names stay different.
std::string safe_file_name(std::string_view name);

class FileStore {
 public:
  // With `durable`, a file that is closed to make room is synced first.
  FileStore(std::string directory, bool durable)
      : directory_(std::move(directory)), durable_(durable) {}

  Result<void> open();
  Result<void> append(std::span<const Record> records);
  Result<void> sync();

 private:
  struct File {
    std::string path;
    Descriptor fd;
    uint64_t bytes = 0;   // durable length or not: what was written and not taken back
    std::string pending;  // of the request being stored
    bool is_unsynced = false;
    bool is_dead = false;  // a sync failed
  };
  using Files = std::list<File>;  // front: most recently used

  Result<File*> file_of(std::string_view host, std::string_view path);
  Result<void> open_file(std::string_view host, File* file);
  Result<void> make_room();
  Result<void> write_pending(const std::vector<File*>& touched);

  const std::string directory_;
  const bool durable_;
  Files files_;
  std::unordered_map<std::string, Files::iterator> by_name_;
  std::string name_;  // "host\0path", reused
  std::vector<std::string> unsynced_directories_;
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// dead_letter_files.h — the files of one destination's dead letters.
//
// In:      lines, one at a time.
// Out:     durable on return, file and name.
// Owns:    the descriptor of the newest file, which only this process appends to.
// Thread:  one; append() waits for the disk.
// Limits:  all files of the destination together keep under `bytes_max`; what is over is refused
//          with kExhausted until somebody replays or removes files. A file is left at kFileBytesMax
//          for the next number.
// Fails:   a file whose write or fsync failed is never written again: what the kernel calls clean
//          afterwards may not be on the disk. The letter comes again, into a new file, so a letter
//          may be there twice, under one id; the broken end of a file is no letter.
// Why so:  a new file per run and per failure needs no repair of anything at start.
#pragma once

#include <string>
#include <string_view>

#include "sluice/result.h"
#include "sluice/units.h"

namespace sluice {

class DeadLetterFiles {
 public:
  static constexpr Bytes kFileBytesMax{16 << 20};

  // `directory` is made when the first letter comes.
  DeadLetterFiles(std::string directory, std::string destination, Bytes bytes_max);
  ~DeadLetterFiles();
  DeadLetterFiles(const DeadLetterFiles&) = delete;
  DeadLetterFiles& operator=(const DeadLetterFiles&) = delete;

  Result<void> append(std::string_view line);

 private:
  struct Present {
    uint32_t newest = 0;
    Bytes bytes;
  };
  Result<Present> look() const;
  Result<void> begin_file(uint32_t number);
  Result<void> write(std::string_view line);
  void leave_file();

  const std::string directory_;
  const std::string destination_;
  const Bytes bytes_max_;
  int fd_ = -1;
  Bytes written_;
};

}  // namespace sluice

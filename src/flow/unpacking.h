// SPDX-License-Identifier: Apache-2.0
// unpacking.h — one archive on its way into a scratch file, from which its lines are read as from
// any log file.
//
// In:      an open archive; how much of its content nobody needs any more.
// Out:     a scratch file that holds the content's head, for proof, and everything from `keep_from`
//          on at its own offsets: what lies between is a hole and takes no room.
// Owns:    the archive's descriptor, the decoder, 192 KiB of buffers; the scratch file until
//          give_file().
// Thread:  the steward's; by pieces, so that nobody waits for a large archive.
// Limits:  step() makes as many bytes as it is told, 1 ms to 4 ms per MiB.
// Fails:   kDamaged for good; kUnreadable and kNoRoom leave everything as it was: step() again.
// Why so:  a decoded stream has no offsets to read at, and positions, markers, retries and io_uring
//          all need them. As a file in the state directory it has, and nothing else in the agent
//          must know about archives.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "flow/compress/unpacker.h"
#include "sluice/disk.h"
#include "sluice/scratch.h"
#include "sluice/store.h"

namespace sluice {

// Whether the archive of this name, beside the row's path, may hold the row's file: a rotation
// could have given it this name, and it was not made before the file.
bool may_hold(std::string_view archive, const FileStat& stat, const CheckpointRow& row);
// The first kHeadBytesMax bytes of what is packed, or fewer if there are no more.
Result<std::vector<std::byte>> read_packed_head(Disk& disk, FileHandle archive);

class Unpacking {
 public:
  enum class State : uint8_t {
    kGoing,
    kDone,        // the archive ended where it should
    kDamaged,     // it does not decode, or ends in the middle; see error()
    kUnreadable,  // the disk did not answer
    kNoRoom,      // the scratch file cannot be written
  };

  // Takes both descriptors.
  Unpacking(Disk& disk, Scratch& scratch, FileHandle archive, FileHandle into,
            FileOffset keep_from);
  ~Unpacking();
  Unpacking(const Unpacking&) = delete;
  Unpacking& operator=(const Unpacking&) = delete;

  // Makes at most so many bytes.
  State step(Bytes at_most);
  // How much of the content is unpacked.
  FileOffset end() const { return end_; }
  const Error& error() const { return error_; }
  FileHandle file() const { return into_; }
  // From now on somebody else closes the scratch file.
  FileHandle give_file();

 private:
  State read_more();
  void make_more(size_t at_most);
  State write_out();
  State fail(State state, const Error& error);

  Disk& disk_;
  Scratch& scratch_;
  const FileHandle archive_;
  const FileHandle into_;
  const FileOffset keep_from_;
  std::unique_ptr<Unpacker> unpacker_;
  std::vector<std::byte> in_, out_;
  size_t in_begin_ = 0, in_end_ = 0;  // read and not unpacked yet
  size_t out_end_ = 0;                // unpacked and not written yet
  FileOffset read_at_;
  FileOffset end_;  // of what is written
  Error error_{};
  std::optional<Error> damage_;  // behind what is made
  bool gave_file_ = false;
  bool ended_ = false;  // the archive was read to its end
  bool whole_ = false;
  bool over_ = false;
};

}  // namespace sluice

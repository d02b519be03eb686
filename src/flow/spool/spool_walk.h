// SPDX-License-Identifier: Apache-2.0
// spool_walk.h — the records of one segment, one after the other, whatever lies between them.
//
// In:      the number of a segment, how many of its bytes count, where to begin.
// Out:     heads with their places, ascending; the payload of one on demand.
// Owns:    a window of the file while it looks for the next head behind damage.
// Thread:  whoever waits for the disk.
// Limits:  one window of kWindowBytes, one payload.
// Fails:   what the disk does not give is an Error, and the walk stays where it is; what does not
//          decode is passed over and adds to skipped_bytes().
// Why so:  a head that is whole is believed for its length, so a bad payload costs one record; a
//          bad head costs a search for the mark of the next one.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "flow/spool/spool_format.h"
#include "sluice/result.h"
#include "sluice/spool.h"

namespace sluice {

struct FoundRecord {
  RecordHead head;
  uint64_t offset = 0;
};

class SpoolWalk {
 public:
  static constexpr size_t kWindowBytes = 64 << 10;

  SpoolWalk(SpoolDisk& disk, uint32_t number, uint64_t size, uint64_t at = kSegmentHeadBytes)
      : disk_(&disk), number_(number), size_(size), at_(at) {}

  // The next whole record; nothing: none begins behind here.
  Result<std::optional<FoundRecord>> next();
  // Of a record of this walk; nothing: it is not what was written.
  Result<std::optional<std::vector<std::byte>>> payload(const FoundRecord& found) const;

  uint32_t number() const { return number_; }
  uint64_t at() const { return at_; }
  uint64_t size() const { return size_; }
  // More of the segment counts now.
  void grow(uint64_t size) { size_ = size; }
  void skip_rest() { at_ = size_; }
  uint64_t skipped_bytes() const { return skipped_; }

 private:
  Result<std::optional<FoundRecord>> search();
  std::optional<FoundRecord> whole_record(std::span<const std::byte> bytes, uint64_t offset) const;
  FoundRecord step_to(const FoundRecord& found);

  SpoolDisk* disk_;
  uint32_t number_;
  uint64_t size_;
  uint64_t at_;
  uint64_t skipped_ = 0;
};

}  // namespace sluice

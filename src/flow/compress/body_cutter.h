// SPDX-License-Identifier: Apache-2.0
// body_cutter.h — makes a smaller body of some records of a compressed one.
//
// In:      a sealed parcel with the table of its records; which of them.
// Out:     a whole document of its own with just those records, compressed the same way; or one
//          record as it was encoded.
// Owns:    a compressor. The unpacked body lives for the call only.
// Thread:  the lane's.
// Limits:  memory for one unpacked body and its compressed part at a time; the memory plan has a
//          term for them. A cut costs what compressing the part costs, some milliseconds.
// Fails:   kExhausted when the codec has no memory; kCorrupt when the body is not what it was.
// Why so:  a parcel keeps only compressed bytes: keeping the plain ones for the sake of the one
//          body in a million that is refused would double what every lane holds.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sluice/compressor.h"
#include "sluice/parcel.h"
#include "sluice/record_table.h"
#include "sluice/result.h"

namespace sluice {

struct CutBody {
  std::unique_ptr<std::byte[]> bytes;
  size_t size = 0;
  size_t encoded_bytes = 0;  // before compression
};

class BodyCutter {
 public:
  explicit BodyCutter(std::unique_ptr<Compressor> compressor)
      : compressor_(std::move(compressor)) {}

  // REQUIRES: the range is of the parcel's table and not empty.
  Result<CutBody> cut(const Parcel& whole, RecordRange range);
  // Without what lies round it, the newline of a line included.
  static Result<std::string> record(const Parcel& whole, uint32_t record);

 private:
  std::unique_ptr<Compressor> compressor_;
};

}  // namespace sluice

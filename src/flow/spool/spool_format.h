// SPDX-License-Identifier: Apache-2.0
// spool_format.h — what a segment of the spool looks like on disk; FORMAT.md has the pictures.
//
// In:      parcels; bytes that a disk gave back, which may be any bytes.
// Out:     drafts and heads as bytes; heads, parcels and notes out of bytes, or nothing.
// Owns:    nothing.
// Thread:  any; pure.
// Limits:  a payload below kPayloadBytesMax. A head that names more is damaged.
// Fails:   decoding never trusts a number before the checksum over it is right, and checks every
//          count and place in it all the same.
// Why so:  each record says how many records and lines came before it, so a hole is counted to the
//          line whatever became of it: a flipped bit, a torn write, a segment that is gone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "sluice/parcel.h"
#include "sluice/spool.h"
#include "sluice/units.h"

namespace sluice {

inline constexpr uint32_t kSpoolVersion = 1;
inline constexpr size_t kSegmentHeadBytes = 48;
inline constexpr size_t kRecordHeadBytes = 96;
inline constexpr size_t kSpoolNoteBytes = 24;
inline constexpr uint64_t kPayloadBytesMax = uint64_t{1} << 30;
// In a note: all of the segment.
inline constexpr uint64_t kWholeSegment = UINT64_MAX;

using SegmentHeadBytes = std::array<std::byte, kSegmentHeadBytes>;
using RecordHeadBytes = std::array<std::byte, kRecordHeadBytes>;
using SpoolNoteBytes = std::array<std::byte, kSpoolNoteBytes>;

struct SegmentHead {
  uint32_t version = kSpoolVersion;
  uint32_t number = 0;
  uint64_t first_sequence = 0;
  uint64_t lines_before = 0;  // in all records before
  WallTime created;
};

struct RecordHead {
  uint32_t meta_bytes = 0;
  uint32_t body_bytes = 0;
  bool ordered = false;
  uint64_t sequence = 0;
  uint64_t lines_before = 0;
  uint64_t lines = 0;
  uint64_t raw_bytes = 0;
  uint64_t encoded_bytes = 0;
  Digest128 key;
  WallTime stored;
  uint64_t payload_hash = 0;

  uint64_t payload_bytes() const { return uint64_t{meta_bytes} + body_bytes; }
  uint64_t whole_bytes() const { return kRecordHeadBytes + payload_bytes(); }
};

// A record that is done with.
struct SpoolNote {
  uint64_t sequence = 0;
  uint64_t lines = 0;
};

SegmentHeadBytes encode_head(const SegmentHead& head);
RecordHeadBytes encode_head(const RecordHead& head);
SpoolNoteBytes encode_note(const SpoolNote& note);
// Nothing: damaged. A head of another version has only that in it.
std::optional<SegmentHead> decode_segment_head(std::span<const std::byte> bytes);
std::optional<RecordHead> decode_record_head(std::span<const std::byte> bytes);
std::optional<SpoolNote> decode_note(std::span<const std::byte> bytes);
// Where a record may begin, at `from` or behind it; the size of `bytes` if nowhere.
size_t find_record_mark(std::span<const std::byte> bytes, size_t from);

uint64_t payload_hash(std::span<const std::byte> payload);

// Everything that the same request needs later, and what takes it apart if it is refused.
SpoolDraft make_draft(const Parcel& parcel);
RecordHead head_of(const SpoolDraft& draft);

// Texts that parcels refer to; they outlive the parcels.
using TextPool = std::set<std::string, std::less<>>;
// REQUIRES: the payload's hash is the head's. Null: it does not decode.
ParcelPtr decode_parcel(const RecordHead& head, std::span<const std::byte> payload,
                        TextPool& texts);

}  // namespace sluice

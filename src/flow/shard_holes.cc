// SPDX-License-Identifier: Apache-2.0
// Holes: after a truncation a writer that does not append goes on at its old offset, and what lies
// before it reads as NUL bytes that nobody wrote. A run of them that begins where a line begins and
// reaches into a hole is passed over, together with the NUL bytes between the end of the hole and
// the first byte that was written: a hole is counted in blocks, a line is not. Everywhere else NUL
// bytes are text.
#include <algorithm>
#include <array>

#include "flow/shard.h"
#include "flow/shard_parts.h"
#include "sluice/check.h"

namespace sluice {
namespace {

// File systems have holes of whole pages at least.
constexpr int64_t kPage = 4096;

size_t leading_nuls(std::span<const uint8_t> text) {
  const auto end = std::find_if(text.begin(), text.end(), [](uint8_t byte) { return byte != 0; });
  return static_cast<size_t>(end - text.begin());
}

}  // namespace

// The bytes before a position that follows a hole.
bool Shard::follows_hole(std::span<const uint8_t> before) {
  return before.size() == Marker::kBytesMax && leading_nuls(before) == before.size();
}

// True if the read, which begins with a line, began in a hole; the next one begins behind it.
bool Shard::meet_hole(Seat& seat, std::span<const uint8_t> text, MonoTime now) {
  Tail& tail = seat.tail;
  if (tail.origin().form.is_utf16()) return false;  // NUL is half a character there
  const size_t nuls = leading_nuls(text);
  const FileOffset page((tail.position().value + kPage - 1) / kPage * kPage);
  const FileOffset end = tail.position() + Bytes(static_cast<int64_t>(nuls));
  if (end < page || nuls < Marker::kBytesMax) return false;
  const auto data = parts_.io->next_data(tail.file(), page);
  if (!data.ok()) {
    parts_.metrics->read_errors.add();
    tail.read_failed(now);
    report(ShardReport::Kind::kTrouble, tail, Bytes(0), data.error().sys_errno);
    return true;
  }
  if (*data <= page) return false;
  tail.found_hole(*data);
  return true;
}

// The read begins at the end of a hole.
void Shard::pass_hole(Seat& seat, const ReadWish& wish, std::span<const uint8_t> text,
                      bool reached_end, MonoTime now) {
  Tail& tail = seat.tail;
  const size_t nuls = leading_nuls(text);
  const FileOffset end = wish.offset + Bytes(static_cast<int64_t>(nuls));
  const Bytes hole = end - tail.position();
  if (nuls == text.size()) {
    if (!reached_end) return tail.found_hole(end);
    // No line follows yet, or none ever will: then it is the end of a file that was rotated.
    const auto waits = static_cast<size_t>(hole.value);
    const bool is_last = wish.flush_unfinished && wish.unfinished_bytes == waits;
    if (!is_last) return tail.reached_end(waits, now);
  }
  tail.passed_hole(end, now);
  parts_.metrics->hole_bytes.add(hole.value);
  report(ShardReport::Kind::kSkipped, tail, hole, 0);
}

}  // namespace sluice

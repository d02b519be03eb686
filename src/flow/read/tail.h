// SPDX-License-Identifier: Apache-2.0
// tail.h — one file's life on its way to one destination, as the shard sees it.
//
// In:      what the steward says (wake, rotated, acked), what reads and cuts returned, the time.
// Out:     which bytes to read next, whether the content under the position was replaced, and when
//          to look again: now (ready), on the tick (hot), when woken (cold), when acked (ordered).
// Owns:    the position, the marker before it, the origins of its epochs. Borrows the handle.
// Thread:  the home shard. Pure: no clock, no I/O.
// Limits:  one read in flight. Every read begins up to 64 bytes before the position and compares,
//          so a file that was truncated and has regrown past the position is noticed by the read
//          itself. Content that repeats the very same bytes there cannot be told apart (docs say
//          so).
//          A read that ends early looks like the end of the file. So before the unfinished last
//          line of a rotated file is taken, a read behind it must find nothing.
// Fails:   a failed read pauses the tail for retry_delay and is reported; it is never given up.
// Why so:  a position and a marker are the whole memory of a file. Unfinished lines, rotation and
//          stop need no state of their own, because what was not shipped is read again.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sluice/line_block.h"
#include "sluice/messages.h"
#include "sluice/units.h"

namespace sluice {

struct TailTimings {
  Duration hot_for{2'000'000'000};  // longer: fewer wake-ups by hint; shorter: fewer idle looks
  Duration partial_grace{
      5'000'000'000};  // how long the unfinished last line of a rotated file may rest
  Duration retry_delay{1'000'000'000};  // after a failed read
};

enum class TailMode : uint8_t {
  kReady,     // there may be more text: read when a buffer is free
  kReading,   // a read is in flight
  kHot,       // at the end, grew lately: look on every tick
  kCold,      // at the end, quiet: nobody looks until a wake
  kAwaitAck,  // ordered: its lines are on their way
  kPaused,    // a read failed: look again at paused_until()
};

struct ReadWish {
  FileOffset offset;          // where the read begins: the position less the marker
  uint32_t marker_bytes = 0;  // how many of the first bytes are known already
  bool oversize = false;      // one line is longer than a block
  // The unfinished last line has rested long enough: it is complete as it is, if the read finds
  // just these bytes of it and no more.
  bool flush_unfinished = false;
  size_t unfinished_bytes = 0;
  // Only asks whether the file ends behind the bytes that were seen: reads there, no marker.
  bool asks_for_end = false;
  bool behind_hole = false;  // it begins at the end of the hole that begins at the position
};

// What the first bytes of a read say about the content.
enum class Look : uint8_t {
  kSame,      // the bytes before the position are the ones that were there
  kDoubtful,  // fewer bytes: truncated, or the read ended early (a signal, a network)
  kReplaced,  // other bytes, or the end: truncated, or truncated and regrown
};

class Tail {
 public:
  Tail(const TailSpec& spec, std::unique_ptr<TailOrigin> origin, const TailTimings& timings,
       MonoTime now);

  TailId id() const { return id_; }
  FileHandle file() const { return file_; }
  TailMode mode() const { return mode_; }
  FileOffset position() const { return position_; }
  const Marker& marker() const { return marker_; }
  Bytes unfinished() const { return Bytes(static_cast<int64_t>(unfinished_bytes_)); }
  FileOffset seen_end() const { return position_ + unfinished(); }
  const TailOrigin& origin() const { return *origin_; }
  MonoTime paused_until() const { return paused_until_; }
  bool releasing() const { return releasing_; }
  bool is_rotated() const { return is_rotated_; }
  bool wants_oversize() const { return oversize_; }
  // The position is inside a line: the marker does not end with a newline.
  bool inside_line() const;

  // REQUIRES: mode is kReady.
  ReadWish begin_read(MonoTime now);
  // REQUIRES: a read is in flight; `head` is what it returned, at most marker_bytes of it.
  Look look(std::span<const uint8_t> head) const;
  // The outcomes of a read; each ends it.
  // `before` ends at the new position and holds at least the bytes since the old one (and the
  // marker).
  void took(Bytes bytes, std::span<const uint8_t> before, MonoTime now);
  void reached_end(size_t unfinished_bytes, MonoTime now);
  void needs_more_room();
  void read_failed(MonoTime now);
  // Nothing was learned (no room for the block, a retry of the same read is needed).
  void read_void();
  // Fewer bytes came than are known to lie there: the next read begins behind them. Only if it
  // finds the end is the file shorter than it was.
  void read_short(size_t bytes);
  // From the position to `end` lies a hole, or more of one: the next read begins there.
  void found_hole(FileOffset end);
  // What was written goes on at `end`; between the position and it are only NUL bytes.
  void passed_hole(FileOffset end, MonoTime now);
  // The answer to a wish that asks for the end.
  void told_end(bool file_ends, MonoTime now);

  // Begins the next epoch at offset 0; ends the read. Returns the bytes known to be there and not
  // taken.
  Bytes replaced(std::unique_ptr<TailOrigin> origin, MonoTime now);
  // Ordered tails: only the bytes before `position` went into the parcel; the rest is read again.
  void rewind(FileOffset position, std::span<const uint8_t> before);

  // What the steward says.
  void wake(MonoTime now);
  void rotated(MonoTime now);
  void acked(Epoch epoch, FileOffset offset);
  void yield();
  void release() { releasing_ = true; }

  // What the tick says: a hot tail becomes ready, a paused one when its time has come.
  void tick(MonoTime now);
  // Forgets origins that no block refers to any more; true if none but the current one is left.
  bool sweep_origins();
  // No block of any epoch is out.
  bool quiet() const;

 private:
  void remember(std::span<const uint8_t> before);
  void rest(MonoTime now);
  void set_unfinished(size_t bytes);

  // Constant after construction.
  const TailId id_;
  const FileHandle file_;
  const TailTimings timings_;

  // The home shard only.
  std::unique_ptr<TailOrigin> origin_;
  std::vector<std::unique_ptr<TailOrigin>> old_origins_;
  FileOffset position_;
  Marker marker_;
  FileOffset hole_end_;    // if it is beyond the position
  uint32_t probe_at_ = 0;  // of the marker; not 0: the next read only asks whether the file ends
  size_t unfinished_bytes_ = 0;
  bool end_is_certain_ = false;  // a read behind the unfinished bytes found nothing
  bool more_is_there_ = false;   // the last read, which was behind them, found something
  MonoTime last_growth_;
  MonoTime paused_until_{0};
  TailMode mode_ = TailMode::kReady;
  bool is_rotated_ = false;
  bool oversize_ = false;
  bool releasing_ = false;
  bool woken_ = false;   // a hint came while a read was in flight
  bool yields_ = false;  // cold as soon as it comes to its end
};

}  // namespace sluice

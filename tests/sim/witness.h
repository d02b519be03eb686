// SPDX-License-Identifier: Apache-2.0
// witness.h — what happened in one schedule: the trace, its hash, the first broken promise.
//
// In:      one line per act of anybody, as a format and numbers; violations; rare states.
// Out:     the trace on stdout when telling, else the last lines of it; a hash of all of it.
// Owns:    a ring of the last lines, unformatted: a schedule that holds costs no formatting.
// Thread:  one.
// Limits:  kKept lines are kept. Formats are string literals and take up to five int64_t (%ld).
// Why so:  the same seed must give the same hash (invariant I9), and who gets a seed wants to read
//          a story and not a core dump.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

#include "sluice/units.h"

namespace sluice::sim {

// States that are seldom reached and easy to lose by accident. A long campaign that never saw one
// of them fails: its schedules prove less than they seem to.
enum class Rare : uint8_t {
  kEpochBegun,
  kBlockStolen,
  kRowResumed,
  kOrderedRewind,
  kOversizeLine,
  kSplitLine,
  kPartialLastLine,
  kUndelivered,
  kDropped,
  kTooLarge,  // 413
  kHeld,      // 401, 404
  kEarlySuccess,
  kAnswerLost,
  kRetryAfter,
  kStoreFailed,
  kHintsOverflowed,
  kHintLost,
  kInodeReused,
  kReadFailed,
  kShortRead,
  kDiskFailed,
  kLongLineWaits,
  kNoCredit,
  kLateAck,   // of an epoch that is over
  kNameless,  // a file was adopted that no pattern names
  kParked,
  kRenamedAway,
  kContentDestroyed,  // truncated before it was delivered
  kCrash,
  kCrashInStop,
  kCleanStop,
  kStoredTwice,
  kSkippedToEnd,
  kRaceInTurn,
  kClockJump,
  kTruncatedInPart,
  kGoesOnAfterCut,  // the tail was not behind the cut, and follows on
  kPowerLost,
  kZeroTail,
  kFsyncLied,  // rows that were stored are gone after a loss of power
  kStoreDamaged,
  kStoreRestored,
  kLongOutage,
  kHintsAlone,   // no comparison of directories but at start
  kRedirected,   // 3xx
  kPartlyTaken,  // 207 and the like
  kTakenApart,   // a body was refused for what it is
  kBuried,
  kBurialFailed,
  kHeldForProof,  // everything was refused, and nothing is left that could be taken
  kHolePassed,
  kArchiveRead,
  kLinkRetargeted,
  kDirectoryMoved,
  kDirectoryRemoved,
  kSpooled,
  kReplayed,  // out of the spool
  kSpoolFailed,
  kTwin,       // two contents that begin alike in one place
  kCopyFound,  // of a content that the present run had read from
  kRestRead,   // lines of it that were not read before it was truncated
  kCount,
};
const char* name_of(Rare rare);
using RareCounts = std::array<int64_t, static_cast<size_t>(Rare::kCount)>;

class Witness {
 public:
  static constexpr size_t kKept = 40;

  explicit Witness(bool tells) : tells_(tells) {}

  void see(const char* format, int64_t a = 0, int64_t b = 0, int64_t c = 0, int64_t d = 0,
           int64_t e = 0);
  // Words of the agent's own log, for people; not part of the trace.
  void quote(std::string_view words) const;
  // Names, which the trace itself does not hold; `make` is called only if somebody reads along.
  void tell(const std::function<std::string()>& make) const;
  void saw(Rare rare) { ++rare_[static_cast<size_t>(rare)]; }
  // The first violation counts; the schedule ends after the present step.
  void violation(const char* invariant, std::string what);

  bool good() const { return invariant_.empty(); }
  const std::string& invariant() const { return invariant_; }
  const std::string& what() const { return what_; }
  uint64_t hash() const { return hash_; }
  int64_t lines() const { return lines_; }
  const RareCounts& rare() const { return rare_; }
  // The last lines, oldest first. Async-signal-safe enough for the report of a failed check.
  void print_last(std::FILE* out) const;

  MonoTime now{0};
  int64_t step = 0;

 private:
  struct Line {
    MonoTime at;
    int64_t step = 0;
    const char* format = "";
    std::array<int64_t, 5> values{};
  };
  static void print(std::FILE* out, const Line& line);

  const bool tells_;
  std::array<Line, kKept> kept_;
  int64_t lines_ = 0;
  uint64_t hash_ = 0xcbf29ce484222325u;
  RareCounts rare_{};
  std::string invariant_;
  std::string what_;
};

}  // namespace sluice::sim

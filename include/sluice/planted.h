// SPDX-License-Identifier: Apache-2.0
// planted.h — bugs that are put into the program on purpose, to try whoever looks for them.
//
// In:      the number of one bug, chosen by the simulator, in a build with -Dplanted_bugs=true.
// Out:     planted(bug): whether this is the one. In every other build it is a constant false, and
//          what hangs on it is not compiled into the program.
// Owns:    one byte, in that build only: the one global variable of the project.
// Thread:  set before anything runs.
// Why so:  a simulator that finds nothing may be blind. Each of these is a mistake that a program
//          of this kind was shipped with, and one that the
//          simulator does not find is a hole in the simulator.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice {

enum class Planted : uint8_t {
  kNothing,
  kAckBeforeContiguous,
  kForgetEpoch,
  kProofLostInMerge,
  kRowsCleanAfterFailure,
  kOlderRowPreferred,
  kInodeOnlyIdentity,
  kMarkerNotCheckedAtRestart,
  kTruncationBySizeOnly,
  kCheckpointBeforeProof,
  kDropWhenUnlinked,
  kTimerGivesUp,
  kDropOn4xx,
  kEarlySuccessCounts,
  kAny2xxIsSuccess,
  kRedirectIsSuccess,
  kAttemptsLimited,
  kStaleCompletionTaken,
  kReleasedWithReadInFlight,
  kOverflowNotRescanned,
  kWallClockTimers,
  kOffByOneAtLineMax,
  kOffByOneAtBufferEnd,
  kLineLostAtSeal,
  kLostPartialOnStop,
  kStopForgetsRows,
  kColdNotChecked,
  kCreditLeaksOnDrop,
  kSpanSwallowsGap,
  kOrderedWithoutAck,
  kPartialWithoutGrace,
  kKeyWithoutContent,
  kRewindForgotten,
  kUndeliveredCounts,
  kBufferLostOnReadError,
  kClosedWithoutRow,
  kDamagedStoreSkipsToEnd,
  kDeadBeforeDurable,
  kSpoolFailureIgnored,
  kCopyNotSought,
  kCopyNotHeldBack,
  kCount,
};

// In the order of the enumeration; for people.
inline constexpr std::array<const char*, static_cast<size_t>(Planted::kCount)> kPlantedNames = {
    "nothing",
    "ack-before-contiguous",
    "forget-epoch",
    "proof-lost-in-merge",
    "rows-clean-after-failure",
    "older-row-preferred",
    "inode-only-identity",
    "marker-not-checked-at-restart",
    "truncation-by-size-only",
    "checkpoint-before-proof",
    "drop-when-unlinked",
    "timer-gives-up",
    "drop-on-4xx",
    "early-success-counts",
    "any-2xx-is-success",
    "redirect-is-success",
    "attempts-limited",
    "stale-completion-taken",
    "released-with-read-in-flight",
    "overflow-not-rescanned",
    "wall-clock-timers",
    "off-by-one-at-line-max",
    "off-by-one-at-buffer-end",
    "line-lost-at-seal",
    "lost-partial-on-stop",
    "stop-forgets-rows",
    "cold-not-checked",
    "credit-leaks-on-drop",
    "span-swallows-gap",
    "ordered-without-ack",
    "partial-without-grace",
    "key-without-content",
    "rewind-forgotten",
    "undelivered-counts",
    "buffer-lost-on-read-error",
    "closed-without-row",
    "damaged-store-skips-to-end",
    "dead-before-durable",
    "spool-failure-ignored",
    "copy-not-sought",
    "copy-not-held-back",
};

#ifdef SLUICE_PLANTED_BUGS
inline Planted g_planted = Planted::kNothing;
inline bool planted(Planted bug) {
  return g_planted == bug;
}
#else
constexpr bool planted(Planted) {
  return false;
}
#endif

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// sim_dead.h — the disk of the dead letters: slow, sometimes full, and watched by the oracle.
//
// In:      letters of one lane.
// Out:     outcomes, after a while; the oracle is shown each letter at the moment when it survives
//          a crash.
// Owns:    the letter that is being written. Thread: one.
// Why so:  a position that moves between the call and that moment is the very bug to look for.
#pragma once

#include <optional>
#include <utility>

#include "dice.h"
#include "ledger.h"
#include "sluice/dead_letters.h"

namespace sluice::sim {

class SimDead final : public DeadLetters {
 public:
  SimDead(const Plan& plan, uint32_t destination, Witness& witness, Ledger& ledger, Dice dice)
      : plan_(plan), destination_(destination), witness_(witness), ledger_(ledger), dice_(dice) {}

  void file(DeadLetter letter) override {
    if (letter_) witness_.violation("I7 BOUND", "a second letter before the first is durable");
    letter_ = std::move(letter);
    due_ = witness_.now + dice_.between(Duration(0), kSlow);
    fails_ = faults && dice_.chance(plan_.dead_error);
  }
  std::optional<Result<void>> filed() override {
    if (!letter_ || due_ > witness_.now) return std::nullopt;
    const DeadLetter letter = std::move(*std::exchange(letter_, std::nullopt));
    if (fails_) {
      witness_.saw(Rare::kBurialFailed);
      return Result<void>(Error::from_errno("write dead letter", ENOSPC));
    }
    ledger_.buried(destination_, letter);
    return Result<void>();
  }
  MonoTime next_event() const { return letter_ ? due_ : kNever; }
  // The process is gone: what it was writing is there, or not.
  void agent_died() {
    if (letter_ && !fails_ && dice_.chance(500)) ledger_.buried(destination_, *letter_);
    letter_.reset();
  }

  bool faults = true;

 private:
  static constexpr Duration kSlow{60'000'000};

  const Plan& plan_;
  const uint32_t destination_;
  Witness& witness_;
  Ledger& ledger_;
  Dice dice_;
  std::optional<DeadLetter> letter_;
  MonoTime due_;
  bool fails_ = false;
};

}  // namespace sluice::sim

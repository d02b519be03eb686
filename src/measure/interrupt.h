// SPDX-License-Identifier: Apache-2.0
// interrupt.h — Ctrl-C as something that is asked for, not something that happens.
//
// In:      SIGINT, SIGTERM and SIGHUP of this process, blocked while the object lives.
// Out:     whether one came; a pause that one ends early.
// Owns:    the signal mask of the thread, put back at the end.
// Thread:  the main thread, before it starts others: they inherit the mask.
// Limits:  a measurement looks between two rows, so an interrupt is obeyed within a second.
// Why so:  directories must be removed and children ended in the right order, which a signal's own
//          function could not do.
#pragma once

#include <signal.h>

#include "sluice/units.h"

namespace sluice {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Waits so long or until a signal comes. True when one came, now or earlier.
  bool pause(Duration duration);
  bool came() { return pause(Duration(0)); }
  // What was blocked before, for children.
  const sigset_t& mask_before() const { return before_; }

 private:
  sigset_t waited_{};
  sigset_t before_{};
  bool came_ = false;
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// waker.h — how one thread ends the wait of another.
//
// In:      a call from any thread, after the thing to look at was put into a channel.
// Out:     the target's current or next wait ends. Wakes that nobody waited for are remembered
//          once.
// Thread:  any; async-signal-safe; about 0.3 us, so: per block or parcel, never per line.
// Why so:  a shell knows whom to wake, not what that one waits in.
#pragma once

namespace sluice {

class Waker {
 public:
  virtual ~Waker() = default;
  virtual void wake() noexcept = 0;
};

}  // namespace sluice

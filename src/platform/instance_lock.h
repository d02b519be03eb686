// SPDX-License-Identifier: Apache-2.0
// instance_lock.h — one agent per state directory, for as long as the process lives.
//
// In:      the state directory; it is created when missing.
// Out:     a lock that the kernel gives back however the process ends, or who holds it.
// Owns:    the descriptor of `sluice.lock` in that directory. The file holds the pid, for people;
//          it is never removed, since removing it would let two agents lock two files.
// Thread:  start-up; released by the destructor.
// Limits:  waits up to `patience`: after kill -9 the kernel closes files a little later than the
//          process is gone, above all with an io_uring to tear down.
// Fails:   kBusy when held, else as the system says; `problem` has the sentence for the user.
// Why so:  two agents with one store would each move the other's positions. flock and not a pid
//          file: a pid is reused, a lock is not.
#pragma once

#include <string>

#include "sluice/result.h"
#include "sluice/units.h"

namespace sluice {

class InstanceLock {
 public:
  static constexpr Duration kPatience = Duration(2'000'000'000);
  // Who waits longer than this should say so: a person thinks that it hangs.
  static constexpr Duration kSilence = Duration(200'000'000);

  static Result<InstanceLock> acquire(const std::string& directory, Duration patience,
                                      std::string& problem);

  InstanceLock(InstanceLock&& other) noexcept;
  InstanceLock& operator=(InstanceLock&& other) noexcept;
  ~InstanceLock();

 private:
  explicit InstanceLock(int fd) : fd_(fd) {}

  int fd_;
};

}  // namespace sluice

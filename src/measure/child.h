// SPDX-License-Identifier: Apache-2.0
// child.h — a part of this program in a process of its own, whose cost can be read from outside.
//
// In:      what the process shall do; where its messages go.
// Out:     its CPU time to the nanosecond, its peak resident set, whether it lives.
// Owns:    the process: ends it at the latest with itself, and the kernel ends it when this process
//          dies in any way.
// Thread:  one, and the process has no other when a child is started (a fork copies one thread).
// Limits:  Linux: process CPU clocks, PR_SET_PDEATHSIG.
// Fails:   start() with the failed call.
// Why so:  an agent that shares its process with whoever measures it cannot be told from it. A fork
//          needs no path of the binary and hands the configuration over as it is, secrets included,
//          which no command line or file then has to hold.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "measure/interrupt.h"
#include "sluice/result.h"

namespace sluice {

class Child {
 public:
  // The child runs `work` and ends with its value. Its stderr goes to the end of `log_file`.
  static Result<Child> start(const std::function<int()>& work, const std::string& log_file,
                             const Interrupt& interrupt);
  ~Child();
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;

  bool lives();
  // User and system time of all its threads; of the last look when it has ended.
  double cpu_seconds();
  // The most memory that it ever had resident, in bytes; 0 when it has ended.
  int64_t peak_resident_bytes() const;
  // Asks it to end, gives it so long, then ends it.
  void stop(Duration patience, Interrupt& interrupt);
  // At once, without asking.
  void end();

 private:
  explicit Child(pid_t pid) : pid_(pid) {}

  pid_t pid_;
  double cpu_seconds_ = 0;
};

// The last line of a child's messages, for people.
std::string last_line_of(const std::string& log_file);

}  // namespace sluice

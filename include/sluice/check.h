// SPDX-License-Identifier: Apache-2.0
// check.h — the contract for bugs: a condition that the program itself must keep.
//
// In:      a condition and a sentence that says what it protects.
// Out:     nothing, or the end of the process with file, line, condition and sentence on stderr.
// Thread:  any; allocates nothing, takes no lock.
// Limits:  always on, in release too. A failed operation is not a bug: return a Result. Bad input
//          is not a bug either: it gets a counted verdict.
// Why so:  an agent that goes on after a broken invariant can store a wrong offset, which is a lost
//          line that nobody will ever see. One that stops restarts from its last durable
//          checkpoint.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace sluice {

[[noreturn]] inline void check_failed(const char* file, int line, const char* condition,
                                      const char* sentence) noexcept {
  std::fprintf(stderr, "sluice: bug: %s:%d: check failed: %s (%s)\n", file, line, condition,
               sentence);
  std::fflush(stderr);
  std::abort();
}

}  // namespace sluice

#define SLUICE_CHECK(condition, sentence)                               \
  do {                                                                  \
    if (!(condition)) [[unlikely]]                                      \
      ::sluice::check_failed(__FILE__, __LINE__, #condition, sentence); \
  } while (false)

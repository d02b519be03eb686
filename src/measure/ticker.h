// SPDX-License-Identifier: Apache-2.0
// ticker.h — says on stderr how far a measurement is.
//
// In:      a line and a share from 0 to 1, as often as anybody likes.
// Out:     on a terminal one line that is written again and again, and is gone at the end; else a
//          line every ten seconds.
// Owns:    nothing; writes to stderr.
// Thread:  one.
// Limits:  ten times a second.
// Why so:  stdout is the report and may be piped into a file; who waits two minutes wants to see
//          that something happens, and a log wants no thousand lines of it.
#pragma once

#include <string>

namespace sluice {

class Ticker {
 public:
  Ticker(std::string command, bool quiet);
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  void tell(const std::string& line, double share);

 private:
  const std::string command_;
  const bool quiet_;
  const bool terminal_;
  double next_ = 0;
  bool written_ = false;
};

}  // namespace sluice

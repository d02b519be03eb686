// SPDX-License-Identifier: Apache-2.0
// own_log_screen.h — the one door to stderr: log lines above, the progress line below.
//
// In:      whole lines, and the text of the progress line.
// Out:     bytes to one descriptor; on a terminal the progress line is taken away before a line
//          and put back after it, in one write, so that neither garbles the other.
// Owns:    nothing; the descriptor is borrowed.
// Thread:  any; one lock around one write.
// Limits:  waits up to 50 ms for a descriptor that takes no bytes, then drops lines without
//          waiting until it takes some again; how many is said then.
// Fails:   never. A closed or full stderr costs log lines and no delivery.
// Why so:  a log pipe whose reader hangs has stopped whole agents: write() has no time limit.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace sluice {

class Screen {
 public:
  // REQUIRES: SIGPIPE is ignored.
  explicit Screen(int fd);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  bool is_terminal() const { return terminal_; }
  int width() const;  // columns; 80 if nobody knows

  // `text` has no newline. True if the line left whole.
  bool line(std::string_view text);

  // Replaces the progress line; empty takes it away. Does nothing on what is no terminal.
  void progress(std::string_view text);

 private:
  bool put(std::string_view bytes);

  const int fd_;
  const bool terminal_;

  std::mutex mutex_;
  // Under mutex_:
  std::string progress_;
  bool blocked_ = false;  // the last bytes did not leave in time
  bool torn_ = false;     // the last line left in part
  int64_t dropped_ = 0;   // lines since then
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// container_line.h — what one line of a container runtime's log file says.
//
// In:      the bytes of one line of the file, with or without its newline; any content.
// Out:     its stream, its time, where its text lies, and whether the text goes on in a later line.
// Owns:    nothing; spans of the line.
// Thread:  any; pure.
// Limits:  what is not exactly in the format is not guessed at: it is not ok, and delivered as it
//          stands. JSON is accepted with any blanks, order of keys and unknown keys, nested up to
//          16 deep.
// Fails:   cannot.
// Why so:  the framer asks it where a record ends and the reader what it says: one function, so
//          that they never disagree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "sluice/line_form.h"

namespace sluice {

struct ContainerLine {
  enum class Stream : uint8_t { kOut, kErr, kNone };

  bool ok = false;
  bool goes_on = false;  // the record has more lines (CRI: P; Docker: the text has no newline)
  Stream stream = Stream::kNone;
  std::string_view time;
  // Docker: the inside of a JSON string, checked, its last newline included. CRI: the text itself.
  std::span<const uint8_t> text;
};

// REQUIRES: the form is a container's.
ContainerLine read_container_line(LineFormat format, std::span<const uint8_t> line);

// "stdout", "stderr" or nothing.
std::string_view name_of(ContainerLine::Stream stream);

// Which lines of the file make one line of a block: from the first part of a record to the line
// after which no record is open any more. Parts of both streams may lie in one another; when that
// has given as many records as a line of a block may, it ends there, open or not.
class ContainerGroup {
 public:
  // Takes the next line. Returns whether the group ends with it.
  bool add(const ContainerLine& line);
  void clear() { *this = ContainerGroup{}; }

 private:
  uint8_t open_ = 0;     // a bit per stream
  uint32_t closed_ = 0;  // records that are complete
};

}  // namespace sluice

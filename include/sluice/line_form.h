// SPDX-License-Identifier: Apache-2.0
// line_form.h — how the lines of a source are written in its files.
//
// In:      chosen by the user per source; constant while the agent runs.
// Out:     a value that the framer, the record reader and the encoder are asked to obey.
// Owns:    nothing.
// Thread:  value types.
// Limits:  container formats are always UTF-8; the loader of the configuration refuses others.
// Why so:  almost all logs are plain text, whose lines need no reading at all: is_plain() is asked
//          once per block, and everything else stands beside that path, not in it.
#pragma once

#include <cstdint>

namespace sluice {

// What a line of the file is.
enum class LineFormat : uint8_t {
  kText,    // the text
  kCri,     // "<time> stdout|stderr P|F <text>", as containerd and CRI-O write it
  kDocker,  // {"log":"<text>\n","stream":"stdout","time":"…"}, as Docker's json-file driver does
};

// What its bytes mean.
enum class TextEncoding : uint8_t { kUtf8, kUtf16Le, kUtf16Be, kLatin1 };

struct LineForm {
  LineFormat format = LineFormat::kText;
  TextEncoding encoding = TextEncoding::kUtf8;

  // A line of the file is a record as it stands.
  constexpr bool is_plain() const {
    return format == LineFormat::kText && encoding == TextEncoding::kUtf8;
  }
  constexpr bool is_container() const { return format != LineFormat::kText; }
  constexpr bool is_utf16() const {
    return encoding == TextEncoding::kUtf16Le || encoding == TextEncoding::kUtf16Be;
  }
  bool operator==(const LineForm&) const = default;
};

}  // namespace sluice

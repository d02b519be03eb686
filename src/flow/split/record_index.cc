// SPDX-License-Identifier: Apache-2.0
#include "flow/split/record_index.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "flow/split/container_line.h"
#include "flow/split/newline_scan.h"
#include "sluice/check.h"

namespace sluice {
namespace {

// Which of the bytes 0x0A are newlines of two bytes. Each of them gives the end of its line, or 0.
class WideNewlines {
 public:
  explicit WideNewlines(const FormedText& text)
      : bytes_(text.bytes),
        odd_(static_cast<size_t>(text.offset.value) & 1),
        little_(text.form.encoding == TextEncoding::kUtf16Le) {}

  uint32_t end_of(uint32_t after_byte) const {
    const size_t at = after_byte - 1;
    const bool second = ((at + odd_) & 1) != 0;
    if (little_) {
      const bool is = !second && at + 1 < bytes_.size() && bytes_[at + 1] == 0;
      return is ? after_byte + 1 : 0;
    }
    return second && at > 0 && bytes_[at - 1] == 0 ? after_byte : 0;
  }

 private:
  const std::span<const uint8_t> bytes_;
  const size_t odd_;
  const bool little_;
};

// Which lines of a container log end a group.
class GroupEnds {
 public:
  explicit GroupEnds(const FormedText& text) : text_(text) {}

  uint32_t end_of(uint32_t line_end) {
    const uint32_t begin = std::exchange(line_begin_, line_end);
    const auto line = text_.bytes.subspan(begin, line_end - begin);
    // The rest of a line of the file: of nothing but its newline, when the cut was behind a part.
    if (begin == 0 && text_.inside_line) return line.size() == 1 ? 0 : line_end;
    if (!group_.add(read_container_line(text_.form.format, line))) return 0;
    group_.clear();
    return line_end;
  }

 private:
  const FormedText& text_;
  ContainerGroup group_;
  uint32_t line_begin_ = 0;
};

template <class Filter>
uint32_t keep_ends(const FormedText& text, Filter filter, std::span<uint32_t> line_ends) {
  uint32_t kept = 0;
  uint32_t scanned = 0;
  while (scanned < text.bytes.size() && kept < line_ends.size()) {
    // Behind those that are kept there is room to look for more.
    const std::span<uint32_t> found = line_ends.subspan(kept);
    const auto count = static_cast<uint32_t>(scan_newlines(
        text.bytes.data() + scanned, text.bytes.size() - scanned, found.data(), found.size()));
    const uint32_t base = scanned;
    for (uint32_t i = 0; i < count; ++i) {
      scanned = base + found[i];
      if (const uint32_t end = filter.end_of(scanned); end != 0) line_ends[kept++] = end;
    }
    if (count < found.size()) break;
  }
  return kept;
}

bool is_high_surrogate(const FormedText& text, size_t at) {
  const size_t high_byte = text.form.encoding == TextEncoding::kUtf16Le ? at + 1 : at;
  return (text.bytes[high_byte] & 0xFC) == 0xD8;
}

size_t wide_piece(const FormedText& text, size_t size) {
  // The text may begin with half a unit, if somebody began to read there.
  const size_t odd = static_cast<size_t>(text.offset.value) & 1;
  const size_t whole = size - ((size + odd) & 1);
  if (whole < 2) return size;
  return whole >= 4 && is_high_surrogate(text, whole - 2) ? whole - 2 : whole;
}

// Text that is not UTF-8 is cut anywhere.
size_t between_characters(std::span<const uint8_t> text, size_t size) {
  size_t begin = size;
  for (int back = 0; back < 4 && begin > 0; ++back, --begin) {
    const bool continuation = (text[begin] & 0xC0) == 0x80;
    if (!continuation) return begin;
  }
  return size;
}

}  // namespace

uint32_t index_records(const FormedText& text, std::span<uint32_t> line_ends) {
  SLUICE_CHECK(text.form.is_utf16() || text.form.is_container(), "plain text needs no second look");
  if (text.form.is_container()) return keep_ends(text, GroupEnds(text), line_ends);
  return keep_ends(text, WideNewlines(text), line_ends);
}

size_t piece_of(const FormedText& text, size_t size) {
  SLUICE_CHECK(size > 0 && size < text.bytes.size(), "a piece leaves something behind");
  if (text.form.is_utf16()) return wide_piece(text, size);
  if (text.form.encoding == TextEncoding::kLatin1) return size;
  if (text.form.is_container()) {
    const void* part = ::memrchr(text.bytes.data() + 1, '\n', size);
    if (part != nullptr)
      return static_cast<size_t>(static_cast<const uint8_t*>(part) - text.bytes.data());
  }
  return between_characters(text.bytes, size);
}

bool is_compressed(std::span<const uint8_t> begin) {
  constexpr std::string_view kGzip = "\x1F\x8B\x08", kZstd = "\x28\xB5\x2F\xFD",
                             kXz = "\xFD\x37zXZ", kBlock = "1AY&SY";
  const std::string_view text(reinterpret_cast<const char*>(begin.data()), begin.size());
  const bool bzip2 =
      text.starts_with("BZh") && text.substr(std::min<size_t>(4, text.size())).starts_with(kBlock);
  return text.starts_with(kGzip) || text.starts_with(kZstd) || text.starts_with(kXz) || bzip2;
}

bool ends_with_newline(std::span<const uint8_t> before, FileOffset offset, LineForm form) {
  if (before.empty()) return true;
  if (!form.is_utf16()) return before.back() == '\n';
  const bool little = form.encoding == TextEncoding::kUtf16Le;
  // Begun behind the first byte of a newline: the end of a file that was looked for by bytes.
  if ((offset.value & 1) != 0) return little && before.back() == '\n';
  if (before.size() < 2) return false;
  const uint8_t first = before[before.size() - 2];
  const uint8_t second = before.back();
  return little ? first == '\n' && second == 0 : first == 0 && second == '\n';
}

}  // namespace sluice

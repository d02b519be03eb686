// SPDX-License-Identifier: Apache-2.0
// container_fuzz.cc — any bytes as one line of a container runtime's log.
//
// In:      bytes from libFuzzer; the first chooses the format.
// Out:     nothing, or an abort: what is accepted lies within the line, its text decodes within its
//          bound, and if another JSON parser takes the line, too, both read the same text.
// Why so:  whoever writes to a container's output writes into this parser.
#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "flow/split/container_line.h"
#include "flow/split/decode_text.h"
#include "sluice/check.h"

namespace sluice {
namespace {

void compare(const std::vector<uint8_t>& line, std::string_view decoded) {
  simdjson::dom::parser parser;
  const std::string_view text(reinterpret_cast<const char*>(line.data()), line.size());
  simdjson::dom::object object;
  if (parser.parse(simdjson::padded_string(text)).get(object) != simdjson::SUCCESS) return;
  std::string_view last;
  int keys = 0;
  for (const auto field : object) {
    // Keys may be written with escapes, which we do not look for, and twice.
    if (field.key == "log") ++keys;
    if (field.key == "log" && field.value.get(last) != simdjson::SUCCESS) return;
  }
  if (keys == 1 && text.find("\"log\"") != std::string_view::npos)
    SLUICE_CHECK(last == decoded, "both parsers read the same text");
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  if (size < 1) return 0;
  const std::vector<uint8_t> line(data + 1, data + size);
  const LineFormat format = (data[0] & 1) != 0 ? LineFormat::kCri : LineFormat::kDocker;
  const ContainerLine read = read_container_line(format, line);
  if (!read.ok) return 0;
  SLUICE_CHECK(!name_of(read.stream).empty() && !read.time.empty(), "what is ok is complete");
  SLUICE_CHECK(read.text.empty() || (read.text.data() >= line.data() &&
                                     read.text.data() + read.text.size() <= line.data() + size - 1),
               "the text lies in the line");
  if (format == LineFormat::kCri) return 0;
  std::vector<uint8_t> out(read.text.size());
  const Decoded decoded = decode_json_string(read.text, out.data());
  const auto bytes = static_cast<size_t>(decoded.end - out.data());
  SLUICE_CHECK(bytes <= out.size(), "decoded text is not longer");
  const bool newline = bytes > 0 && out[bytes - 1] == '\n';
  // A raw newline cannot be inside a line, an escaped one that is not \n may.
  if (!read.goes_on) SLUICE_CHECK(newline, "what ends its record ends with a newline");
  if (decoded.replaced == 0) compare(line, {reinterpret_cast<const char*>(out.data()), bytes});
  return 0;
}

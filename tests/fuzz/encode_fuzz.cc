// SPDX-License-Identifier: Apache-2.0
// encode_fuzz.cc — any bytes as a log file.
//
// In:      bytes from libFuzzer; the first two choose the bound of a body and the optional keys.
// Out:     nothing, or an abort: the index must equal the scalar one, every body must parse as JSON
//          within its bound, and give back as many lines as went in, each one's text unless bytes
//          of it were replaced.
// Why so:  a record that does not parse is a line that a destination refuses for ever.
#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "flow/encode/json_encoder.h"
#include "flow/split/newline_scan.h"
#include "sluice/check.h"

namespace sluice {
namespace {

std::vector<uint32_t> index_of(std::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  std::vector<uint32_t> ends(text.size() + 1), expected(text.size() + 1);
  ends.resize(scan_newlines(bytes, text.size(), ends.data(), text.size()));
  expected.resize(scan_newlines_scalar(bytes, text.size(), expected.data(), text.size()));
  SLUICE_CHECK(ends == expected, "the kernels find what the definition finds");
  return ends;
}

// Checks the records of one body against the block's lines from `line` on; returns the next line.
uint32_t check_body(const std::string& body, const LineBlock& block, uint32_t line) {
  simdjson::dom::parser parser;
  simdjson::dom::array records;
  SLUICE_CHECK(parser.parse(body).get(records) == simdjson::SUCCESS, "a body is valid JSON");
  for (const simdjson::dom::element record : records) {
    SLUICE_CHECK(line < block.line_count, "no more records than lines");
    const auto* begin = reinterpret_cast<const char*>(block.bytes) + block.line_begin(line);
    std::string_view text(begin, block.line_ends[line] - block.line_begin(line) - 1);
    const bool begins_file = line == 0 && block.first_offset == FileOffset(0);
    if (begins_file && text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    if (simdjson::validate_utf8(text)) {
      SLUICE_CHECK(std::string_view(record["line"]) == text, "valid text comes back as it was");
    }
    ++line;
  }
  return line;
}

void check_block(const LineBlock& block, size_t soft_limit, JsonEncoder::Options options) {
  JsonEncoder encoder(options);
  const size_t capacity = soft_limit + encoder.worst_line_bytes(block.size(), *block.origin);
  uint32_t checked = 0;
  for (uint32_t next = 0; next < block.line_count;) {
    std::vector<uint8_t> memory(capacity);  // exact, so that the sanitizer sees one byte too many
    BodyBuffer body{memory.data(), 0, soft_limit, capacity};
    const uint32_t first = next;
    next = encoder.encode(block, first, UINT32_MAX, body).next_line;
    SLUICE_CHECK(next > first, "a body takes at least one line");
    encoder.finish(body);
    SLUICE_CHECK(body.size <= soft_limit || next == first + 1, "only a lone line may exceed");
    checked = check_body({body.data, body.data + body.size}, block, checked);
    SLUICE_CHECK(checked == next, "as many records as lines");
  }
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  if (size < 3) return 0;
  const std::string text(data + 2, data + size);
  const std::vector<uint32_t> ends = index_of(text);
  if (ends.empty()) return 0;
  TailOrigin origin;
  origin.host = text.substr(0, 8);
  origin.path = "/" + text.substr(0, 40);
  origin.labels = {{text.substr(0, 3), text.substr(0, 30)}};
  origin.strip_cr = false;
  LineBlock block;
  block.origin = &origin;
  block.bytes = reinterpret_cast<const uint8_t*>(text.data());
  block.line_ends = ends.data();
  block.line_count = static_cast<uint32_t>(ends.size());
  block.first_offset = FileOffset(data[1] / 4 % 2 * 100);
  block.read_at = WallTime(1'795'367'417'123'456'789);
  check_block(block, 1 + 16 * size_t{data[0]},
              {Framing::kJson, (data[1] & 1) != 0, (data[1] & 2) != 0});
  return 0;
}

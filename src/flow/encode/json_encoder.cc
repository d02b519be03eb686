// SPDX-License-Identifier: Apache-2.0
#include "flow/encode/json_encoder.h"

#include <algorithm>
#include <cstring>

#include "flow/encode/escape.h"
#include "flow/encode/rfc3339.h"
#include "sluice/check.h"

namespace sluice {
namespace {

constexpr std::string_view kOwnKeys[] = {"timestamp", "host", "path",   "line",
                                         "offset",    "id",   "partial"};
// In container logs these, too.
constexpr std::string_view kContainerKeys[] = {"stream", "time"};

bool is_own_key(std::string_view label, const TailOrigin& origin) {
  const auto among = [label](const auto& keys) {
    return std::find(std::begin(keys), std::end(keys), label) != std::end(keys);
  };
  return among(kOwnKeys) || (origin.form.is_container() && among(kContainerKeys));
}

// Everything of the prefix that is neither a value nor a label, generously.
constexpr size_t kPrefixFixedBytesMax = 128;
constexpr size_t kLabelFixedBytes = 6;  // "":"",

}  // namespace

EncodeStep JsonEncoder::encode(const LineBlock& block, uint32_t first_line, uint32_t lines_max,
                               BodyBuffer& body) {
  SLUICE_CHECK(first_line < block.line_count && lines_max > 0, "an encoder is given lines");
  const uint32_t end_line = first_line + std::min(lines_max, block.line_count - first_line);
  return write_json_lines(build_form(block), block, first_line, end_line, body);
}

EncodeStep JsonEncoder::encode_records(const LineBlock& block, std::span<const TextRecord> records,
                                       BodyBuffer& body) {
  SLUICE_CHECK(!records.empty(), "an encoder is given records");
  return write_json_records(build_form(block), block, records, body);
}

void JsonEncoder::finish(BodyBuffer& body) {
  SLUICE_CHECK(body.size > 0, "an empty body is never closed");
  if (options_.framing != Framing::kJson) return;
  SLUICE_CHECK(body.size < body.capacity, "the closing bracket was reserved");
  body.data[body.size++] = ']';
}

std::string_view JsonEncoder::content_type() const {
  return options_.framing == Framing::kJson ? "application/json" : "application/x-ndjson";
}

// In the lines form the newline belongs to its record.
BodyFrame JsonEncoder::frame() const {
  return options_.framing == Framing::kJson ? BodyFrame{"[", ",", "]"} : BodyFrame{};
}

size_t JsonEncoder::worst_line_bytes(size_t line_bytes, const TailOrigin& origin) const {
  size_t values = origin.host.size() + origin.path.size();
  size_t fixed = kPrefixFixedBytesMax;
  for (const auto& [key, value] : origin.labels) {
    values += key.size() + value.size();
    fixed += kLabelFixedBytes;
  }
  const size_t envelope = fixed + 6 * values;
  if (origin.form.is_plain()) return record_bytes_max(envelope, line_bytes);
  if (!origin.form.is_container()) return record_bytes_max(envelope, 2 * (line_bytes + 2));
  // Each of several records has an envelope of its own.
  return record_bytes_max(envelope, line_bytes) +
         (kRecordsPerLineMax - 1) * record_bytes_max(envelope, 0);
}

RecordForm JsonEncoder::build_form(const LineBlock& block) {
  const TailOrigin& origin = *block.origin;
  prefix_bytes_ = 0;
  append_text(options_.framing == Framing::kJson ? ",{\"timestamp\":\"" : "{\"timestamp\":\"");
  uint8_t timestamp[kRfc3339Bytes];
  write_rfc3339(block.read_at, timestamp);
  append_text({reinterpret_cast<const char*>(timestamp), kRfc3339Bytes});
  append_text("\",\"host\":");
  append_string(origin.host);
  append_text(",\"path\":");
  append_string(origin.path);
  for (const auto& [key, value] : origin.labels) {
    if (is_own_key(key, origin)) continue;
    append_text(",");
    append_string(key);
    append_text(":");
    append_string(value);
  }
  append_text(",\"line\":\"");
  return {prefix_.data(), prefix_bytes_, options_.framing == Framing::kJson, options_.with_offset,
          options_.with_id};
}

void JsonEncoder::append_text(std::string_view text) {
  prefix_.resize(std::max(prefix_.size(), prefix_bytes_ + text.size() + kCopyBytes));
  std::memcpy(prefix_.data() + prefix_bytes_, text.data(), text.size());
  prefix_bytes_ += text.size();
}

void JsonEncoder::append_string(std::string_view text) {
  append_text("\"");
  prefix_.resize(std::max(prefix_.size(), prefix_bytes_ + escape_bound(text.size()) + kCopyBytes));
  EscapeCounts of_the_envelope;  // not of the lines, so they do not count as replaced there
  uint8_t* const begin = prefix_.data() + prefix_bytes_;
  const uint8_t* const end = escape_json(reinterpret_cast<const uint8_t*>(text.data()), text.size(),
                                         begin, &of_the_envelope);
  prefix_bytes_ += static_cast<size_t>(end - begin);
  append_text("\"");
}

}  // namespace sluice

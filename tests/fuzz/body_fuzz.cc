// SPDX-License-Identifier: Apache-2.0
// body_fuzz.cc — any bytes as the body of a request to `sluice receive`.
//
// In:      bytes from libFuzzer; the first chooses the Content-Encoding and the content type.
// Out:     nothing, or an abort: a body is decoded within the limit or refused with a reason, its
//          records are read whole or refused with a reason.
// Why so:  the receiver takes bodies from whoever reaches its port.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "receive/body_decoder.h"
#include "receive/record_reader.h"
#include "sluice/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;
  if (size < 1) return 0;
  constexpr int64_t kMost = 1 << 20;
  static BodyDecoder decoder{Bytes(kMost)};
  static RecordReader reader;
  constexpr std::string_view kEncodings[] = {"", "gzip", "zstd", "identity", "br", "gzip, zstd"};
  constexpr std::string_view kTypes[] = {"application/json", "application/x-ndjson", "", "text/x"};
  const std::string copy(data + 1, data + size);  // of the exact size
  const DecodedBody body = decoder.decode(copy, kEncodings[data[0] % std::size(kEncodings)]);
  if (body.verdict != DecodedBody::Verdict::kDecoded) {
    SLUICE_CHECK(!body.reason.empty(), "a refusal has a reason");
    return 0;
  }
  SLUICE_CHECK(body.bytes.size() <= kMost, "a body is within the limit");
  const std::string refusal =
      reader.read(body.bytes, body_format(kTypes[data[0] / 8 % std::size(kTypes)], body.bytes));
  if (!refusal.empty()) return 0;
  size_t bytes = 0;
  for (const Record& record : reader.records()) {
    SLUICE_CHECK(is_rfc3339(record.timestamp), "a record has a time");
    bytes += record.host.size() + record.path.size() + record.line.size();
  }
  SLUICE_CHECK(bytes <= body.bytes.size(), "texts are not longer than what they were written in");
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// json_encoder.h — one JSON record per line, as an array or with a newline behind each (ndjson).
//
// In:      blocks of lines; what is optional in a record.
// Out:     {"timestamp":"…Z","host":"…","path":"…",<labels>,"line":"…","offset":N,"id":"…",
//          "stream":"stdout","time":"…","partial":true} with all keys at the top level: labels as
//          strings, in their order; offset (of the line's first byte in its file) and id (see
//          record_id.h) if asked for; stream and time as a container runtime wrote them, for its
//          logs; partial only where the text is not a whole line, that is on every piece of an
//          over-long line and on a last line that never got its newline.
// Owns:    the envelope of the block at hand. Borrows block and body for the call.
// Thread:  one shard.
// Limits:  a label named like one of the keys above is left out: the record's own key counts.
// Fails:   cannot: any bytes become valid JSON in valid UTF-8; replacements are counted.
// Why so:  all before the line is constant in a block, so it is built once and copied per line, and
//          the separator is a part of it: a record begins with ',' and the first one's becomes '['.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "flow/encode/json_records.h"
#include "sluice/config.h"
#include "sluice/encoder.h"

namespace sluice {

class JsonEncoder final : public Encoder {
 public:
  struct Options {
    Framing framing = Framing::kJson;
    bool with_offset = false;
    bool with_id = false;
  };

  explicit JsonEncoder(Options options) : options_(options) {}

  EncodeStep encode(const LineBlock& block, uint32_t first_line, uint32_t lines_max,
                    BodyBuffer& body) override;
  EncodeStep encode_records(const LineBlock& block, std::span<const TextRecord> records,
                            BodyBuffer& body) override;
  void finish(BodyBuffer& body) override;
  std::string_view content_type() const override;
  BodyFrame frame() const override;
  size_t worst_line_bytes(size_t line_bytes, const TailOrigin& origin) const override;

 private:
  RecordForm build_form(const LineBlock& block);
  void append_text(std::string_view text);
  void append_string(std::string_view text);

  const Options options_;
  std::vector<uint8_t> prefix_;  // with kCopyBytes of room behind prefix_bytes_
  size_t prefix_bytes_ = 0;
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// record_reader.h — reads the log lines out of a decoded body.
//
// In:      a JSON array of objects, or one object per line (ndjson), in a buffer with kBodyPadding
//          readable bytes behind it.
// Out:     the records in order, as views that live until the next call; or what is wrong, with the
//          number of the element or line, for the client to read.
// Owns:    a simdjson parser and, for ndjson, the text of the records.
// Thread:  one. Rules:   timestamp, host, path and line must be strings; timestamp must be RFC
//          3339. Other keys (offset, id, labels) may be anything. All or nothing: one bad record
//          refuses the body.
// Limits:  4 GiB per body (simdjson).
// Why so:  the whole document is validated, numbers, nesting and UTF-8 too: a test server that
//          shrugs at bad JSON hides the bugs that it was written to find.
#pragma once

#include <simdjson.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

enum class BodyFormat : uint8_t { kJsonArray, kNdjson };

// By Content-Type; unknown types are told apart by the first character of the body.
BodyFormat body_format(std::string_view content_type, std::string_view body);

struct Record {
  std::string_view timestamp, host, path, line;
};

class RecordReader {
 public:
  // Returns an empty string and fills records(), or the reason of refusal.
  std::string read(std::string_view body, BodyFormat format);
  const std::vector<Record>& records() const { return records_; }

 private:
  std::string read_array(std::string_view body);
  std::string read_ndjson(std::string_view body);
  void keep_text(Record* record);

  simdjson::dom::parser parser_;
  std::vector<Record> records_;
  std::unique_ptr<char[]> kept_;
  size_t kept_capacity_ = 0;
  size_t kept_bytes_ = 0;
};

// YYYY-MM-DDThh:mm:ss[.fraction](Z|+hh:mm|-hh:mm)
bool is_rfc3339(std::string_view text);

}  // namespace sluice

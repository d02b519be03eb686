// SPDX-License-Identifier: Apache-2.0
// body_reader.h — a second opinion on what a request body says, written without looking at ours.
//
// In:      a body: a JSON array of objects, or one object per line.
// Out:     the records in order, or the byte at which it is no JSON of that shape.
// Owns:    the records' texts.
// Limits:  what our records may hold: strings, non-negative integers, true and false.
// Why so:  who checks an encoder with its own tables checks nothing; and a body of 300 bytes is
//          read in a microsecond, so every request of every schedule is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::sim {

struct BodyRecord {
  std::string timestamp, host, path, line;
  int64_t offset = -1;
  bool partial = false;
};

class BodyReader {
 public:
  // False if the body is not what it should be; problem_at() says where.
  bool read(std::string_view body, bool ndjson);
  const std::vector<BodyRecord>& records() const { return records_; }
  size_t problem_at() const { return at_; }

 private:
  bool object();
  bool member(BodyRecord& record);
  bool string(std::string& text);
  bool escape(std::string& text);
  bool number(int64_t& value);
  bool literal(std::string_view word);
  bool take(char c);

  std::string_view body_;
  size_t at_ = 0;
  std::vector<BodyRecord> records_;
};

}  // namespace sluice::sim

// SPDX-License-Identifier: Apache-2.0
#include "receive/ledger.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>
#include <iterator>

#include "receive/durable_file.h"
#include "receive/json_text.h"

namespace sluice {
namespace {

constexpr uint64_t kVersion = 1;

Error corrupt(const char* what) {
  return Error{Errc::kCorrupt, 0, what};
}

bool read_number(simdjson::dom::element object, const char* key, uint64_t* value) {
  return object[key].get(*value) == simdjson::SUCCESS;
}

bool read_text(simdjson::dom::element object, const char* key, std::string* value) {
  std::string_view view;
  if (object[key].get(view) != simdjson::SUCCESS) return false;
  value->assign(view);
  return true;
}

bool read_raced(simdjson::dom::element entry, LedgerStream* stream) {
  simdjson::dom::array ranges;
  if (entry["raced"].get(ranges) != simdjson::SUCCESS) return false;
  for (const simdjson::dom::element range : ranges) {
    uint64_t first = 0, last = 0;
    if (range.at_pointer("/0").get(first) != simdjson::SUCCESS ||
        range.at_pointer("/1").get(last) != simdjson::SUCCESS || first > last) {
      return false;
    }
    stream->raced.emplace_back(first, last);
  }
  return true;
}

bool read_stream(simdjson::dom::element entry, LedgerStream* stream) {
  uint64_t id = 0;
  std::string hash;
  if (!read_number(entry, "stream", &id) || !read_number(entry, "lines", &stream->lines) ||
      !read_number(entry, "bytes", &stream->bytes) || !read_text(entry, "file", &stream->file) ||
      !read_text(entry, "xxhash", &hash) || !read_raced(entry, stream)) {
    return false;
  }
  stream->stream = static_cast<uint32_t>(id);
  const auto [end, error] =
      std::from_chars(hash.data(), hash.data() + hash.size(), stream->hash_sum, 16);
  return error == std::errc() && end == hash.data() + hash.size() && id <= UINT32_MAX;
}

}  // namespace

uint64_t Ledger::lines() const {
  uint64_t sum = 0;
  for (const LedgerStream& stream : streams) sum += stream.lines;
  return sum;
}

uint64_t Ledger::bytes() const {
  uint64_t sum = 0;
  for (const LedgerStream& stream : streams) sum += stream.bytes;
  return sum;
}

std::string ledger_text(const Ledger& ledger) {
  std::string text;
  auto to = std::back_inserter(text);
  fmt::format_to(to, "{{\"version\":{},\"shape\":{},\"seed\":{},\"lines\":{},\"bytes\":{},\n",
                 kVersion, json_string(ledger.shape), ledger.seed, ledger.lines(), ledger.bytes());
  text += "\"streams\":[";
  const char* comma = "\n";
  for (const LedgerStream& stream : ledger.streams) {
    fmt::format_to(to,
                   "{}{{\"stream\":{},\"file\":{},\"lines\":{},\"bytes\":{},\"xxhash\":\"{:016x}\","
                   "\"raced\":[",
                   comma, stream.stream, json_string(stream.file), stream.lines, stream.bytes,
                   stream.hash_sum);
    const char* range_comma = "";
    for (const auto& [first, last] : stream.raced) {
      fmt::format_to(to, "{}[{},{}]", range_comma, first, last);
      range_comma = ",";
    }
    text += "]}";
    comma = ",\n";
  }
  text += "\n]}\n";
  return text;
}

Result<Ledger> parse_ledger(std::string text) {
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  if (parser.parse(text).get(document) != simdjson::SUCCESS) return corrupt("ledger is not JSON");
  uint64_t version = 0;
  if (!read_number(document, "version", &version) || version != kVersion) {
    return Error{Errc::kUnsupported, 0, "ledger version is not 1"};
  }
  Ledger ledger;
  simdjson::dom::array entries;
  if (!read_text(document, "shape", &ledger.shape) ||
      !read_number(document, "seed", &ledger.seed) ||
      document["streams"].get(entries) != simdjson::SUCCESS) {
    return corrupt("ledger lacks a field");
  }
  for (const simdjson::dom::element entry : entries) {
    LedgerStream stream;
    if (!read_stream(entry, &stream)) return corrupt("ledger has a damaged stream");
    ledger.streams.push_back(std::move(stream));
  }
  return ledger;
}

Result<void> write_ledger(const Ledger& ledger, const std::string& path) {
  return replace_file(path, ledger_text(ledger));
}

Result<Ledger> read_ledger(const std::string& path) {
  auto text = read_whole_file(path);
  if (!text.ok()) return text.error();
  return parse_ledger(std::move(text).value());
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "platform/ledger_table.h"

#include <array>
#include <charconv>

#include "platform/checkpoint_table.h"
#include "platform/sqlite_handle.h"

namespace sluice {
namespace {

enum Column : int { kRow, kBegin, kDropped, kSeen, kPast, kChecksum };

// epoch, generations, size, skipped, acked, dropped, missed by reason, ended
constexpr size_t kFields = 7 + kMissedReasons;
using Fields = std::array<int64_t, kFields>;

Fields fields_of(const PastGeneration& past) {
  Fields fields{past.epoch.value,   past.generations, past.size.value,
                past.skipped.value, past.acked.value, past.dropped.value};
  for (size_t i = 0; i < kMissedReasons; ++i) fields[6 + i] = past.missed[i].value;
  fields[kFields - 1] = past.ended.value;
  return fields;
}

PastGeneration past_of(const Fields& fields) {
  PastGeneration past;
  past.epoch = Epoch(static_cast<uint32_t>(fields[0]));
  past.generations = static_cast<uint32_t>(fields[1]);
  past.size = Bytes(fields[2]);
  past.skipped = Bytes(fields[3]);
  past.acked = Bytes(fields[4]);
  past.dropped = Bytes(fields[5]);
  for (size_t i = 0; i < kMissedReasons; ++i) past.missed[i] = Bytes(fields[6 + i]);
  past.ended = WallTime(fields[kFields - 1]);
  return past;
}

// Takes one number and the byte behind it, which must be `end`.
bool take_number(std::string_view& text, char end, int64_t& number) {
  const auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto used = static_cast<size_t>(next - text.data());
  if (error != std::errc() || used >= text.size() || text[used] != end) return false;
  text.remove_prefix(used + 1);
  return true;
}

int64_t checksum(int64_t row, const RowLedger& ledger, const std::string& past) {
  const std::string bytes = std::to_string(row) + ' ' + std::to_string(ledger.begin.value) + ' ' +
                            std::to_string(ledger.dropped.value) + ' ' +
                            std::to_string(ledger.seen.value) + ' ' + past;
  return checksum_of_bytes(bytes);
}

}  // namespace

std::string past_as_text(const RowLedger& ledger) {
  std::string text;
  for (const PastGeneration& past : ledger.past) {
    for (const int64_t field : fields_of(past)) text += std::to_string(field) + ',';
    text.back() = ';';
  }
  return text;
}

bool past_from_text(std::string_view text, RowLedger& ledger) {
  ledger.past.clear();
  while (!text.empty()) {
    if (ledger.past.size() >= RowLedger::kPastMax) return false;
    Fields fields{};
    for (size_t i = 0; i < kFields; ++i) {
      if (!take_number(text, i + 1 == kFields ? ';' : ',', fields[i])) return false;
    }
    ledger.past.push_back(past_of(fields));
  }
  return true;
}

int write_ledger(sqlite3_stmt* upsert, int64_t row, const RowLedger& ledger) {
  const std::string past = past_as_text(ledger);
  int code = SQLITE_OK;
  const auto number = [&](Column column, int64_t value) {
    if (code == SQLITE_OK) code = sqlite3_bind_int64(upsert, column + 1, value);
  };
  number(kRow, row);
  number(kBegin, ledger.begin.value);
  number(kDropped, ledger.dropped.value);
  number(kSeen, ledger.seen.value);
  number(kChecksum, checksum(row, ledger, past));
  if (code == SQLITE_OK) {
    code = sqlite3_bind_text64(upsert, kPast + 1, past.data(), past.size(), SQLITE_TRANSIENT,
                               SQLITE_UTF8);
  }
  if (code != SQLITE_OK) return code;
  sqlite3_step(upsert);
  return sqlite3_reset(upsert);
}

std::optional<RowLedger> read_ledger(sqlite3_stmt* select, int64_t& row) {
  if (sqlite3_column_count(select) != kChecksum + 1) return std::nullopt;
  RowLedger ledger;
  row = sqlite3_column_int64(select, kRow);
  ledger.begin = FileOffset(sqlite3_column_int64(select, kBegin));
  ledger.dropped = Bytes(sqlite3_column_int64(select, kDropped));
  ledger.seen = Bytes(sqlite3_column_int64(select, kSeen));
  const std::string past = column_bytes(select, kPast);
  if (sqlite3_column_int64(select, kChecksum) != checksum(row, ledger, past)) return std::nullopt;
  if (!past_from_text(past, ledger)) return std::nullopt;
  return ledger;
}

}  // namespace sluice

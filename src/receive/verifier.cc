// SPDX-License-Identifier: Apache-2.0
#include "receive/verifier.h"

#include <algorithm>
#include <set>

#include "receive/line_token.h"

namespace sluice {
namespace {

constexpr size_t kSamplesMax = 5;
constexpr size_t kSampleBytesMax = 200;
constexpr size_t kMissingListedMax = 20;

uint64_t count_absent_raced(const SequenceSet& seen, const LedgerStream& ledger) {
  std::set<uint64_t> absent;  // ranges of several rotations do not overlap, but may be written so
  for (const auto& [first, last] : ledger.raced) {
    for (uint64_t i = first; i <= last && i < ledger.lines; ++i) {
      if (!seen.contains(i)) absent.insert(i);
    }
  }
  return absent.size();
}

bool is_raced(const LedgerStream& ledger, uint64_t sequence) {
  return std::any_of(ledger.raced.begin(), ledger.raced.end(), [&](const auto& range) {
    return sequence >= range.first && sequence <= range.second;
  });
}

uint64_t count_from(const SequenceSet& seen, uint64_t first) {
  uint64_t count = 0;
  for (uint64_t i = first; i < seen.end(); ++i) count += seen.contains(i) ? 1 : 0;
  return count;
}

}  // namespace

void Verifier::take(std::string_view line, WallTime arrival) {
  if (const auto stamp = take_line(line)) latencies_.add(arrival - *stamp);
}

void Verifier::take_stored(std::string_view line) {
  (void)take_line(line);
}

std::optional<WallTime> Verifier::take_line(std::string_view line) {
  ++lines_;
  const TokenReading reading = read_token(line);
  if (reading.verdict != TokenVerdict::kValid) [[unlikely]] {
    ++damaged_;
    without_token_ += reading.verdict == TokenVerdict::kAbsent ? 1 : 0;
    if (damaged_samples_.size() < kSamplesMax) {
      damaged_samples_.emplace_back(line.substr(0, kSampleBytesMax));
    }
    return std::nullopt;
  }
  Stream& stream = stream_of(reading.token.stream);
  if (!stream.seen.insert(reading.token.sequence)) {
    ++stream.duplicate;
    duplicate_bytes_ += line.size() + 1;
    return std::nullopt;
  }
  stream.hash_sum += reading.line_hash;
  bytes_ += line.size() + 1;
  return WallTime(reading.token.stamp_ns);
}

Verifier::Stream& Verifier::stream_of(uint32_t id) {
  if (id != last_id_) {
    last_stream_ = &streams_[id];  // references into an unordered_map survive its growth
    last_id_ = id;
  }
  return *last_stream_;
}

VerifyStream Verifier::judge(uint32_t id, const Stream& stream, const LedgerStream* ledger,
                             bool has_ledger) {
  VerifyStream verdict;
  verdict.stream = id;
  verdict.duplicate = stream.duplicate;
  verdict.hash_sum = stream.hash_sum;
  const uint64_t expected = ledger != nullptr ? ledger->lines
                            : has_ledger      ? 0  // a stream that the ledger does not know
                                              : stream.seen.end();
  verdict.ghost = count_from(stream.seen, expected);
  verdict.unique = stream.seen.count() - verdict.ghost;
  const uint64_t absent = expected - verdict.unique;
  if (ledger != nullptr) {
    verdict.ledger_lines = ledger->lines;
    verdict.missing_raced = count_absent_raced(stream.seen, *ledger);
    verdict.hash_matches = absent != 0 || verdict.ghost != 0 || stream.hash_sum == ledger->hash_sum;
  }
  verdict.missing = absent - verdict.missing_raced;
  if (verdict.missing != 0) {
    verdict.missing_first =
        stream.seen.absent(0, expected, kMissingListedMax + verdict.missing_raced);
    std::erase_if(verdict.missing_first, [&](uint64_t sequence) {
      return ledger != nullptr && is_raced(*ledger, sequence);
    });
    if (verdict.missing_first.size() > kMissingListedMax) {
      verdict.missing_first.resize(kMissingListedMax);
    }
  }
  return verdict;
}

VerifyReport Verifier::report(const Ledger* ledger) const {
  const Stream nothing;
  std::map<uint32_t, std::pair<const Stream*, const LedgerStream*>> all;
  for (const auto& [id, stream] : streams_) all[id].first = &stream;
  if (ledger != nullptr) {
    for (const LedgerStream& stream : ledger->streams) all[stream.stream].second = &stream;
  }
  VerifyReport report;
  report.has_ledger = ledger != nullptr;
  for (const auto& [id, pair] : all) {
    const Stream& seen = pair.first != nullptr ? *pair.first : nothing;
    const VerifyStream verdict = judge(id, seen, pair.second, report.has_ledger);
    report.unique += verdict.unique;
    report.duplicate += verdict.duplicate;
    report.missing += verdict.missing;
    report.missing_raced += verdict.missing_raced;
    report.ghost += verdict.ghost;
    report.hashes_match = report.hashes_match && verdict.hash_matches;
    report.streams.push_back(verdict);
  }
  report.lines = lines_;
  report.bytes = bytes_;
  report.duplicate_bytes = duplicate_bytes_;
  report.damaged = damaged_;
  report.without_token = without_token_;
  report.damaged_samples = damaged_samples_;
  report.latency_samples = latencies_.count();
  report.latency_p50 = latencies_.percentile(0.50);
  report.latency_p99 = latencies_.percentile(0.99);
  report.latency_p999 = latencies_.percentile(0.999);
  report.latency_max = latencies_.max();
  return report;
}

}  // namespace sluice

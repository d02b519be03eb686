// SPDX-License-Identifier: Apache-2.0
#include "flow/batch/batch.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sluice/check.h"
#include "sluice/planted.h"
#include "sluice/text_record.h"

namespace sluice {
namespace {

// Of the bytes before the end of `block`'s line, as marker_hash() makes it of the same bytes on
// disk.
uint64_t proof_of(const LineBlock& block, uint32_t line_end) {
  const FileOffset end = block.first_offset + Bytes(line_end);
  const auto size = static_cast<size_t>(std::min<int64_t>(end.value, Marker::kBytesMax));
  SLUICE_CHECK(size <= size_t{line_end} + block.head_bytes,
               "the marker before a block is in memory");
  return XXH3_64bits(block.bytes + line_end - size, size);
}

// How many of the latest spans are looked through for one to extend.
constexpr size_t kMergeDepth = 8;

}  // namespace

MonoTime seal_time(const BatchRules& rules, MonoTime opened_at, bool lane_idle) {
  const Duration patience = lane_idle ? std::min(rules.wait, rules.linger_idle) : rules.wait;
  return opened_at + patience;
}

Digest128 parcel_key(const std::vector<Span>& spans, const std::vector<Digest128>& seeds) {
  SLUICE_CHECK(spans.size() == seeds.size(), "every span has the seed of its content");
  // Sums do not depend on the order in which files happened to be read.
  Digest128 key;
  for (size_t i = 0; i < spans.size(); ++i) {
    const std::array<uint64_t, 4> words = {seeds[i].low, seeds[i].high,
                                           static_cast<uint64_t>(spans[i].begin.value),
                                           static_cast<uint64_t>(spans[i].end.value)};
    const XXH128_hash_t hash = XXH3_128bits(words.data(), sizeof words);
    key.low += hash.low64;
    key.high += hash.high64;
  }
  return key;
}

Batch::Batch(BodyBuffer memory) : body_(memory) {
  if (body_.capacity == 0) return;
  const size_t records_max = body_.soft_limit / kRecordBytesLeast + kRecordsPerLineMax;
  ends_ = std::make_unique_for_overwrite<RecordEnd[]>(records_max);
  body_.ends = ends_.get();
  body_.records = 0;
  body_.records_max = static_cast<uint32_t>(records_max);
}

void Batch::add_run(const LineBlock& block, uint32_t first_line, Lines records) {
  RecordRun run;
  run.tail = block.origin->tail;
  run.epoch = block.origin->epoch;
  run.base = block.first_offset;
  run.raw_begin = block.line_begin(first_line);
  run.first = body_.records - static_cast<uint32_t>(records.value);
  run.seed = block.origin->id_seed;
  const bool same_file = !runs_.empty() && runs_.back().tail == run.tail;
  run.path_begin = same_file ? runs_.back().path_begin : static_cast<uint32_t>(paths_.size());
  run.path_bytes = static_cast<uint32_t>(block.origin->path.size());
  if (!same_file) paths_.append(block.origin->path);
  runs_.push_back(run);
}

void Batch::add_span(const Span& span, const Digest128& seed) {
  // Blocks of one file come mostly one behind the other, with few other files in between.
  const size_t depth = std::min(spans_.size(), kMergeDepth);
  for (size_t back = 1; back <= depth; ++back) {
    Span& known = spans_[spans_.size() - back];
    const bool meets =
        planted(Planted::kSpanSwallowsGap) ? known.end <= span.begin : known.end == span.begin;
    if (known.tail == span.tail && known.epoch == span.epoch && meets) {
      known.end = span.end;
      known.end_proof = span.end_proof;
      return;
    }
  }
  spans_.push_back(span);
  seeds_.push_back(planted(Planted::kKeyWithoutContent) ? Digest128{} : seed);
}

void Batch::add(const LineBlock& block, uint32_t first_line, uint32_t next_line, Lines records,
                MonoTime now) {
  SLUICE_CHECK(records > Lines(0), "lines become records");
  SLUICE_CHECK(first_line < next_line && next_line <= block.line_count, "lines of the block");
  if (empty()) {
    opened_at_ = now;
    oldest_read_at_ = block.read_at_mono;
  }
  oldest_read_at_ = std::min(oldest_read_at_, block.read_at_mono);
  const uint32_t begin = block.line_begin(first_line);
  const uint32_t end = block.line_ends[next_line - 1];
  add_span(Span{block.origin->tail, block.origin->epoch, block.first_offset + Bytes(begin),
                block.first_offset + Bytes(end), proof_of(block, end)},
           block.origin->id_seed);
  if (body_.ends != nullptr) {
    SLUICE_CHECK(body_.records > 0 && body_.ends[body_.records - 1].raw == end,
                 "the last record ends where the lines do");
    add_run(block, first_line, records);
  }
  lines_ += records;
  raw_bytes_ += Bytes(end - begin);
  ordered_ = ordered_ || block.origin->ordered;
  at_risk_ = at_risk_ || block.origin->at_risk.load(std::memory_order_relaxed);
}

ParcelPtr Batch::seal_into_parcel(DestinationId destination, ShardId shard, MonoTime now) {
  SLUICE_CHECK(!empty(), "an empty batch is not sealed");
  auto parcel = std::make_unique<Parcel>();
  parcel->destination = destination;
  parcel->sealed_by = shard;
  parcel->key = parcel_key(spans_, seeds_);
  parcel->spans.assign(spans_.begin(), spans_.end());
  parcel->lines = lines_;
  parcel->raw_bytes = raw_bytes_;
  parcel->encoded_bytes = Bytes(static_cast<int64_t>(body_.size));
  parcel->sealed_at = now;
  parcel->oldest_read_at = oldest_read_at_;
  parcel->ordered = ordered_;
  parcel->at_risk = at_risk_;
  parcel->records.runs.assign(runs_.begin(), runs_.end());
  parcel->records.ends.assign(body_.ends, body_.ends + body_.records);
  parcel->records.paths = paths_;
  spans_.clear();
  seeds_.clear();
  runs_.clear();
  paths_.clear();
  body_.size = 0;
  body_.records = 0;
  lines_ = Lines(0);
  raw_bytes_ = Bytes(0);
  ordered_ = false;
  at_risk_ = false;
  return parcel;
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "flow/spool/spool_format.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>
#include <utility>

namespace sluice {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr std::string_view kSegmentMark = "SLSPOOL\n";
constexpr std::array<std::byte, 4> kRecordMark = {std::byte{'S'}, std::byte{'R'}, std::byte{0xC1},
                                                  std::byte{0x0A}};
constexpr uint32_t kOrdered = 1;
// A record without lines or a body of nothing does not exist; more than this in one neither.
constexpr uint64_t kItemsMax = uint64_t{1} << 26;

uint64_t hash_of(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

// Fixed places of a head.
template <class T>
void put_at(std::span<std::byte> bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}
template <class T>
T get_at(std::span<const std::byte> bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// Numbers of seven bits a byte, the lowest first: almost all of a meta block are steps of a few
// hundred.
class MetaWriter {
 public:
  explicit MetaWriter(std::vector<std::byte>& out) : out_(out) {}

  void number(uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<std::byte>(value | 0x80));
    out_.push_back(static_cast<std::byte>(value));
  }
  void step(int64_t value) {  // small ones of either sign stay small
    const auto bits = static_cast<uint64_t>(value);
    number(bits << 1 ^ (value < 0 ? UINT64_MAX : 0));
  }
  void word(uint64_t value) {
    std::array<std::byte, 8> bytes;
    std::memcpy(bytes.data(), &value, sizeof value);
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  void text(std::string_view text) {
    number(text.size());
    const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }

 private:
  std::vector<std::byte>& out_;
};

class MetaReader {
 public:
  explicit MetaReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  uint64_t number() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == bytes_.size()) return fail();
      const auto byte = static_cast<uint64_t>(bytes_[at_++]);
      value |= (byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    return fail();
  }
  int64_t step() {
    const uint64_t bits = number();
    return static_cast<int64_t>(bits >> 1 ^ ((bits & 1) != 0 ? UINT64_MAX : 0));
  }
  uint32_t small() {
    const uint64_t value = number();
    return value <= UINT32_MAX ? static_cast<uint32_t>(value) : static_cast<uint32_t>(fail());
  }
  // How many follow, each in at least `bytes_each`.
  size_t count(size_t bytes_each) {
    const uint64_t value = number();
    return value <= (bytes_.size() - at_) / bytes_each ? static_cast<size_t>(value) : fail();
  }
  uint64_t word() {
    if (bytes_.size() - at_ < 8) return fail();
    return get_at<uint64_t>(bytes_, std::exchange(at_, at_ + 8));
  }
  std::string_view text() {
    const size_t size = count(1);
    const auto* begin = reinterpret_cast<const char*>(bytes_.data()) + at_;
    at_ += size;
    return {begin, size};
  }
  bool good() const { return good_; }
  bool done() const { return good_ && at_ == bytes_.size(); }

 private:
  // Nothing is read behind a mistake: all that follows is zero.
  size_t fail() {
    good_ = false;
    at_ = bytes_.size();
    return 0;
  }

  const std::span<const std::byte> bytes_;
  size_t at_ = 0;
  bool good_ = true;
};

void write_spans(MetaWriter& out, const std::vector<Span>& spans) {
  out.number(spans.size());
  for (const Span& span : spans) {
    out.number(span.tail.value);
    out.number(span.epoch.value);
    out.step(span.begin.value);
    out.step((span.end - span.begin).value);
    out.word(span.end_proof);
  }
}

void read_spans(MetaReader& in, std::vector<Span>& spans) {
  const size_t count = in.count(12);
  for (size_t i = 0; i < count && in.good(); ++i) {
    Span span;
    span.tail = TailId(in.small());
    span.epoch = Epoch(in.small());
    span.begin = FileOffset(in.step());
    const int64_t bytes = in.step();
    const bool sane = span.begin.value >= 0 && bytes >= 0 && bytes <= INT64_MAX - span.begin.value;
    span.end = span.begin + Bytes(sane ? bytes : 0);
    span.end_proof = in.word();
    spans.push_back(span);
  }
}

void write_table(MetaWriter& out, const RecordTable& table) {
  out.text(table.paths);
  out.number(table.runs.size());
  for (const RecordRun& run : table.runs) {
    out.number(run.tail.value);
    out.number(run.epoch.value);
    out.step(run.base.value);
    out.number(run.raw_begin);
    out.number(run.first);
    out.number(run.path_begin);
    out.number(run.path_bytes);
    out.word(run.seed.low);
    out.word(run.seed.high);
  }
  out.number(table.ends.size());
  RecordEnd before{0, 0};
  for (const RecordEnd& end : table.ends) {
    out.step(int64_t{end.encoded} - before.encoded);
    out.step(int64_t{end.raw} - before.raw);
    before = end;
  }
}

bool is_small(int64_t value) {
  return value >= 0 && value <= UINT32_MAX;
}

void read_table(MetaReader& in, RecordTable& table) {
  table.paths = in.text();
  const size_t runs = in.count(23);
  for (size_t i = 0; i < runs && in.good(); ++i) {
    RecordRun run;
    run.tail = TailId(in.small());
    run.epoch = Epoch(in.small());
    run.base = FileOffset(in.step());
    run.raw_begin = in.small();
    run.first = in.small();
    run.path_begin = in.small();
    run.path_bytes = in.small();
    run.seed.low = in.word();
    run.seed.high = in.word();
    table.runs.push_back(run);
  }
  const size_t ends = in.count(2);
  int64_t encoded = 0;
  int64_t raw = 0;
  for (size_t i = 0; i < ends && in.good(); ++i) {
    // Steps of any size may add up to anything; what leaves the range is no table.
    const int64_t encoded_step = in.step();
    const int64_t raw_step = in.step();
    if (encoded_step > UINT32_MAX || encoded_step < -int64_t{UINT32_MAX} || raw_step > UINT32_MAX ||
        raw_step < -int64_t{UINT32_MAX})
      return table.ends.clear();
    encoded += encoded_step;
    raw += raw_step;
    if (!is_small(encoded) || !is_small(raw)) return table.ends.clear();
    table.ends.push_back({static_cast<uint32_t>(encoded), static_cast<uint32_t>(raw)});
  }
}

// What place() and those who cut a body rely on.
bool is_sound(const RecordTable& table, const BodyFrame& frame, uint64_t encoded_bytes) {
  if (table.ends.empty()) return table.runs.empty();
  if (table.runs.empty() || table.runs.front().first != 0) return false;
  for (size_t i = 0; i < table.runs.size(); ++i) {
    const RecordRun& run = table.runs[i];
    const bool ascends = i == 0 || run.first > table.runs[i - 1].first;
    const bool named = uint64_t{run.path_begin} + run.path_bytes <= table.paths.size();
    if (!ascends || !named || run.first >= table.ends.size() || run.base.value < 0) return false;
  }
  uint64_t begin = frame.open.size();
  for (const RecordEnd& end : table.ends) {
    if (end.encoded < begin) return false;
    begin = end.encoded + frame.separator.size();
  }
  return table.ends.back().encoded + frame.close.size() <= encoded_bytes;
}

std::string_view pooled(TextPool& texts, std::string_view text) {
  const auto known = texts.find(text);
  return known != texts.end() ? *known : *texts.emplace(text).first;
}

}  // namespace

SegmentHeadBytes encode_head(const SegmentHead& head) {
  SegmentHeadBytes bytes{};
  std::memcpy(bytes.data(), kSegmentMark.data(), kSegmentMark.size());
  put_at(bytes, 8, head.version);
  put_at(bytes, 12, head.number);
  put_at(bytes, 16, head.first_sequence);
  put_at(bytes, 24, head.lines_before);
  put_at(bytes, 32, head.created.value);
  put_at(bytes, 40, hash_of(std::span(bytes).first(40)));
  return bytes;
}

std::optional<SegmentHead> decode_segment_head(std::span<const std::byte> bytes) {
  if (bytes.size() < kSegmentHeadBytes) return std::nullopt;
  if (std::memcmp(bytes.data(), kSegmentMark.data(), kSegmentMark.size()) != 0) return std::nullopt;
  if (get_at<uint64_t>(bytes, 40) != hash_of(bytes.first(40))) return std::nullopt;
  SegmentHead head;
  head.version = get_at<uint32_t>(bytes, 8);
  if (head.version != kSpoolVersion) return head;
  head.number = get_at<uint32_t>(bytes, 12);
  head.first_sequence = get_at<uint64_t>(bytes, 16);
  head.lines_before = get_at<uint64_t>(bytes, 24);
  head.created = WallTime(get_at<int64_t>(bytes, 32));
  return head;
}

RecordHeadBytes encode_head(const RecordHead& head) {
  RecordHeadBytes bytes{};
  std::memcpy(bytes.data(), kRecordMark.data(), kRecordMark.size());
  put_at(bytes, 4, head.meta_bytes);
  put_at(bytes, 8, head.body_bytes);
  put_at(bytes, 12, head.ordered ? kOrdered : uint32_t{0});
  put_at(bytes, 16, head.sequence);
  put_at(bytes, 24, head.lines_before);
  put_at(bytes, 32, head.lines);
  put_at(bytes, 40, head.raw_bytes);
  put_at(bytes, 48, head.encoded_bytes);
  put_at(bytes, 56, head.key.low);
  put_at(bytes, 64, head.key.high);
  put_at(bytes, 72, head.stored.value);
  put_at(bytes, 80, head.payload_hash);
  put_at(bytes, 88, hash_of(std::span(bytes).first(88)));
  return bytes;
}

std::optional<RecordHead> decode_record_head(std::span<const std::byte> bytes) {
  if (bytes.size() < kRecordHeadBytes) return std::nullopt;
  if (std::memcmp(bytes.data(), kRecordMark.data(), kRecordMark.size()) != 0) return std::nullopt;
  if (get_at<uint64_t>(bytes, 88) != hash_of(bytes.first(88))) return std::nullopt;
  RecordHead head;
  head.meta_bytes = get_at<uint32_t>(bytes, 4);
  head.body_bytes = get_at<uint32_t>(bytes, 8);
  head.ordered = (get_at<uint32_t>(bytes, 12) & kOrdered) != 0;
  head.sequence = get_at<uint64_t>(bytes, 16);
  head.lines_before = get_at<uint64_t>(bytes, 24);
  head.lines = get_at<uint64_t>(bytes, 32);
  head.raw_bytes = get_at<uint64_t>(bytes, 40);
  head.encoded_bytes = get_at<uint64_t>(bytes, 48);
  head.key = {get_at<uint64_t>(bytes, 56), get_at<uint64_t>(bytes, 64)};
  head.stored = WallTime(get_at<int64_t>(bytes, 72));
  head.payload_hash = get_at<uint64_t>(bytes, 80);
  const bool sane = head.payload_bytes() <= kPayloadBytesMax && head.lines <= kItemsMax &&
                    head.sequence < kWholeSegment && head.lines_before <= INT64_MAX &&
                    head.raw_bytes <= INT64_MAX && head.encoded_bytes <= UINT32_MAX;
  return sane ? std::optional(head) : std::nullopt;
}

SpoolNoteBytes encode_note(const SpoolNote& note) {
  SpoolNoteBytes bytes{};
  put_at(bytes, 0, note.sequence);
  put_at(bytes, 8, note.lines);
  put_at(bytes, 16, hash_of(std::span(bytes).first(16)));
  return bytes;
}

std::optional<SpoolNote> decode_note(std::span<const std::byte> bytes) {
  if (bytes.size() < kSpoolNoteBytes) return std::nullopt;
  if (get_at<uint64_t>(bytes, 16) != hash_of(bytes.first(16))) return std::nullopt;
  return SpoolNote{get_at<uint64_t>(bytes, 0), get_at<uint64_t>(bytes, 8)};
}

size_t find_record_mark(std::span<const std::byte> bytes, size_t from) {
  const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(std::min(from, bytes.size()));
  const auto found = std::search(begin, bytes.end(), kRecordMark.begin(), kRecordMark.end());
  return static_cast<size_t>(found - bytes.begin());
}

uint64_t payload_hash(std::span<const std::byte> payload) {
  return hash_of(payload);
}

SpoolDraft make_draft(const Parcel& parcel) {
  SpoolDraft draft;
  draft.key = parcel.key;
  draft.lines = parcel.lines;
  draft.raw_bytes = parcel.raw_bytes;
  draft.encoded_bytes = parcel.encoded_bytes;
  draft.ordered = parcel.ordered;
  draft.payload.reserve(256 + parcel.records.memory_bytes() + parcel.body_bytes);
  MetaWriter out(draft.payload);
  out.text(parcel.content_type);
  out.text(parcel.content_encoding);
  out.text(parcel.frame.open);
  out.text(parcel.frame.separator);
  out.text(parcel.frame.close);
  write_spans(out, parcel.spans);
  write_table(out, parcel.records);
  draft.meta_bytes = static_cast<uint32_t>(draft.payload.size());
  const auto body = parcel.bytes();
  draft.payload.insert(draft.payload.end(), body.begin(), body.end());
  return draft;
}

RecordHead head_of(const SpoolDraft& draft) {
  RecordHead head;
  head.meta_bytes = draft.meta_bytes;
  head.body_bytes = static_cast<uint32_t>(draft.payload.size() - draft.meta_bytes);
  head.ordered = draft.ordered;
  head.lines = static_cast<uint64_t>(draft.lines.value);
  head.raw_bytes = static_cast<uint64_t>(draft.raw_bytes.value);
  head.encoded_bytes = static_cast<uint64_t>(draft.encoded_bytes.value);
  head.key = draft.key;
  head.payload_hash = payload_hash(draft.payload);
  return head;
}

ParcelPtr decode_parcel(const RecordHead& head, std::span<const std::byte> payload,
                        TextPool& texts) {
  if (payload.size() != head.payload_bytes()) return nullptr;
  auto parcel = std::make_unique<Parcel>();
  MetaReader in(payload.first(head.meta_bytes));
  parcel->content_type = pooled(texts, in.text());
  parcel->content_encoding = pooled(texts, in.text());
  parcel->frame.open = pooled(texts, in.text());
  parcel->frame.separator = pooled(texts, in.text());
  parcel->frame.close = pooled(texts, in.text());
  read_spans(in, parcel->spans);
  read_table(in, parcel->records);
  if (!in.done()) return nullptr;
  // A body that cannot be cut is better than none.
  if (!is_sound(parcel->records, parcel->frame, head.encoded_bytes)) parcel->records = {};
  parcel->body = std::make_unique<std::byte[]>(head.body_bytes);
  parcel->body_bytes = head.body_bytes;
  std::copy(payload.begin() + head.meta_bytes, payload.end(), parcel->body.get());
  parcel->lines = Lines(static_cast<int64_t>(head.lines));
  parcel->raw_bytes = Bytes(static_cast<int64_t>(head.raw_bytes));
  parcel->encoded_bytes = Bytes(static_cast<int64_t>(head.encoded_bytes));
  parcel->key = head.key;
  parcel->ordered = head.ordered;
  return parcel;
}

}  // namespace sluice

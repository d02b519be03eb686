// SPDX-License-Identifier: Apache-2.0
#include "flow/spool/spool_walk.h"

#include <algorithm>
#include <span>

namespace sluice {

std::optional<FoundRecord> SpoolWalk::whole_record(std::span<const std::byte> bytes,
                                                   uint64_t offset) const {
  const auto head = decode_record_head(bytes);
  if (!head || head->whole_bytes() > size_ - offset) return std::nullopt;
  return FoundRecord{*head, offset};
}

FoundRecord SpoolWalk::step_to(const FoundRecord& found) {
  skipped_ += found.offset - at_;
  at_ = found.offset + found.head.whole_bytes();
  return found;
}

Result<std::optional<FoundRecord>> SpoolWalk::next() {
  if (at_ >= size_) return std::optional<FoundRecord>();
  RecordHeadBytes bytes{};
  const Result<size_t> got = disk_->read(number_, at_, bytes);
  if (!got) return got.error();
  if (const auto found = whole_record(std::span(bytes).first(*got), at_))
    return std::optional(step_to(*found));
  return search();
}

Result<std::optional<FoundRecord>> SpoolWalk::search() {
  std::vector<std::byte> window(kWindowBytes);
  for (uint64_t begin = at_; begin < size_;) {
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(kWindowBytes, size_ - begin));
    const Result<size_t> got = disk_->read(number_, begin, std::span(window).first(wanted));
    if (!got) return got.error();
    const auto bytes = std::span<const std::byte>(window).first(*got);
    for (size_t at = find_record_mark(bytes, 0); at < bytes.size();
         at = find_record_mark(bytes, at + 1)) {
      if (const auto found = whole_record(bytes.subspan(at), begin + at))
        return std::optional(step_to(*found));
    }
    // A head may begin at the end of this window.
    if (*got < kWindowBytes) break;
    begin += kWindowBytes - (kRecordHeadBytes - 1);
  }
  skipped_ += size_ - at_;
  at_ = size_;
  return std::optional<FoundRecord>();
}

Result<std::optional<std::vector<std::byte>>> SpoolWalk::payload(const FoundRecord& found) const {
  std::vector<std::byte> bytes(found.head.payload_bytes());
  const Result<size_t> got = disk_->read(number_, found.offset + kRecordHeadBytes, bytes);
  if (!got) return got.error();
  if (*got != bytes.size() || payload_hash(bytes) != found.head.payload_hash)
    return std::optional<std::vector<std::byte>>();
  return std::optional(std::move(bytes));
}

}  // namespace sluice

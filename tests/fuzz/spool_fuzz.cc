// SPDX-License-Identifier: Apache-2.0
// spool_fuzz.cc — any bytes as the segments of a spool.
//
// In:      bytes from libFuzzer: changes to a good spool of nine records in three segments (which
//          file, place, byte; or where a file ends), or, when the first byte is odd, a segment.
// Out:     nothing, or an abort: the spool opens, gives records that were written and nothing else,
//          counts what it lost, takes new records and gives them back.
// Owns:    a disk in memory.
// Why so:  a disk may give back anything, and an agent that does not start delivers nothing.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>

#include "../flow/memory_spool.h"
#include "flow/spool/spool_format.h"
#include "flow/spool/spool_log.h"
#include "sluice/check.h"

namespace sluice {
namespace {

constexpr WallTime kNow(1'795'367'417'000'000'000);
constexpr uint64_t kRecords = 9;

SpoolDraft draft_of(uint64_t number) {
  Parcel parcel;
  const std::string body = "[" + std::string(20 + number, 'x') + "]";
  parcel.body = std::make_unique<std::byte[]>(body.size());
  std::memcpy(parcel.body.get(), body.data(), body.size());
  parcel.body_bytes = body.size();
  parcel.content_type = "application/json";
  parcel.frame = {"[", ",", "]"};
  parcel.records.paths = "/logs/a.log";
  RecordRun run;
  run.path_bytes = 11;
  parcel.records.runs.push_back(run);
  parcel.records.ends.push_back({static_cast<uint32_t>(body.size() - 1), 10});
  parcel.lines = Lines(1);
  parcel.raw_bytes = Bytes(10);
  parcel.encoded_bytes = Bytes(static_cast<int64_t>(body.size()));
  parcel.key = {number, 7};
  parcel.spans.push_back({TailId(1), Epoch(1), FileOffset(0), FileOffset(10), 3});
  return make_draft(parcel);
}

SpoolSettings small() {
  SpoolSettings settings;
  settings.segment_bytes = Bytes(700);
  return settings;
}

MemorySpool good_spool() {
  MemorySpool disk;
  SpoolLog log(small(), disk);
  SLUICE_CHECK(log.open(kNow).ok(), "an empty spool opens");
  for (uint64_t i = 1; i <= kRecords; ++i) {
    const SpoolDraft draft = draft_of(i);
    SLUICE_CHECK(log.append({&draft, 1}, kNow).ok(), "a spool takes records");
  }
  for (int i = 0; i < 2; ++i) (void)log.fetch();
  return disk;
}

void spoil(MemorySpool& disk, const uint8_t* data, size_t size) {
  if ((data[0] & 1) != 0) {
    disk.files[2].bytes.assign(reinterpret_cast<const char*>(data + 1), size - 1);
    return;
  }
  for (size_t i = 1; i + 4 <= size; i += 4) {
    auto file = std::next(disk.files.begin(), data[i] % disk.files.size());
    std::string& bytes = (data[i] & 0x80) != 0 ? file->second.notes : file->second.bytes;
    const size_t at = (size_t{data[i + 1]} << 8 | data[i + 2]) % (bytes.size() + 1);
    if (at == bytes.size()) {
      bytes.resize(bytes.size() * data[i + 3] / 255);
    } else {
      bytes[at] = static_cast<char>(data[i + 3]);
    }
  }
}

void try_one(MemorySpool disk, bool made_of_good) {
  SpoolLog log(small(), disk);
  const Result<void> opened = log.open(kNow);
  if (!opened) {
    SLUICE_CHECK(opened.error().code == Errc::kUnsupported, "only a later version is refused");
    return;
  }
  const SpoolDraft draft = draft_of(100);
  SLUICE_CHECK(log.append({&draft, 1}, kNow).ok(), "a spool takes records after all");
  std::set<uint64_t> keys;
  for (;;) {
    const Result<SpooledParcel> got = log.fetch();
    SLUICE_CHECK(got.ok(), "memory always answers");
    if (got->parcel == nullptr) break;
    const Parcel& parcel = *got->parcel;
    for (uint32_t i = 0; i < parcel.records.size(); ++i) (void)parcel.records.place(i);
    const uint64_t key = parcel.key.low;
    const bool known = (key >= 1 && key <= kRecords) || key == 100;
    SLUICE_CHECK(known || !made_of_good, "no record is other than it was written");
    SLUICE_CHECK(keys.insert(key).second || !made_of_good, "none comes twice");
    log.remove(got->sequence, parcel.lines);
  }
  SLUICE_CHECK(keys.contains(100), "what it takes it gives back");
  SLUICE_CHECK(log.counts().records == 0, "nothing is left");
  SLUICE_CHECK(disk.files.empty(), "no file is left");
  const auto lost = static_cast<uint64_t>(log.counts().lost_records);
  SLUICE_CHECK(!made_of_good || keys.size() + lost <= kRecords + 1, "no more is lost than was");
}

}  // namespace
}  // namespace sluice

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const sluice::MemorySpool good = sluice::good_spool();
  if (size < 1) return 0;
  sluice::MemorySpool disk = good;
  sluice::spoil(disk, data, size);
  sluice::try_one(std::move(disk), (data[0] & 1) == 0);
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
#include "witness.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice::sim {
namespace {

constexpr std::array<const char*, static_cast<size_t>(Rare::kCount)> kNames = {
    "epoch begun",
    "block stolen",
    "row resumed",
    "ordered rewind",
    "oversize line",
    "split line",
    "partial last line",
    "parcel undelivered at stop",
    "parcel dropped",
    "413",
    "held by 401 or 404",
    "success before the body",
    "answer lost after storing",
    "Retry-After",
    "checkpoint not stored",
    "hints overflowed",
    "hint lost silently",
    "inode reused",
    "read failed",
    "short read",
    "disk call failed",
    "long line without a buffer",
    "lane without credit",
    "late ack of an old epoch",
    "file adopted without a name",
    "file parked",
    "file renamed out of the patterns",
    "content destroyed unread",
    "crash",
    "crash while stopping",
    "clean stop",
    "stored twice",
    "skipped to the end",
    "race inside a turn",
    "wall clock jump",
    "truncated in part",
    "followed on after a cut",
    "power lost",
    "zeros at the end after a loss of power",
    "stored rows lost with the power",
    "store damaged",
    "store restored from an old copy",
    "outage of a minute",
    "hints alone",
    "redirected",
    "unclear success",
    "body taken apart",
    "line buried",
    "burial failed",
    "held until a line is taken",
    "hole passed over",
    "archive read to its end",
    "link pointed elsewhere",
    "directory renamed",
    "directory removed",
    "parcel spooled",
    "parcel out of the spool",
    "spool failed",
    "twin of a delivered content",
    "copy of a file that was read",
    "rest read from a copy",
};

uint64_t mix(uint64_t hash, uint64_t value) {
  hash ^= value + 0x9E3779B97F4A7C15u + (hash << 6) + (hash >> 2);
  return hash * 0x100000001b3u;
}

}  // namespace

const char* name_of(Rare rare) {
  return kNames[static_cast<size_t>(rare)];
}

void Witness::see(const char* format, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e) {
  Line& line = kept_[static_cast<size_t>(lines_++) % kKept];
  line = {now, step, format, {a, b, c, d, e}};
  hash_ = mix(hash_, static_cast<uint64_t>(now.value));
  for (const int64_t value : line.values) hash_ = mix(hash_, static_cast<uint64_t>(value));
  for (const char* text = format; *text != '\0'; ++text)
    hash_ = (hash_ ^ static_cast<uint8_t>(*text)) * 0x100000001b3u;
  if (tells_) print(stdout, line);
}

void Witness::quote(std::string_view words) const {
  if (tells_)
    std::fprintf(stdout, "%18s  log says: %.*s\n", "", static_cast<int>(words.size()),
                 words.data());
}

void Witness::tell(const std::function<std::string()>& make) const {
  if (tells_) std::fprintf(stdout, "%18s  %s\n", "", make().c_str());
}

void Witness::violation(const char* invariant, std::string what) {
  if (!good()) return;
  invariant_ = invariant;
  what_ = std::move(what);
}

void Witness::print(std::FILE* out, const Line& line) {
  std::fprintf(out, "%6ld %10.6f  ", static_cast<long>(line.step),
               static_cast<double>(line.at.value) * 1e-9);
  const auto& v = line.values;
  std::fprintf(out, line.format, v[0], v[1], v[2], v[3], v[4]);
  std::fputc('\n', out);
}

void Witness::print_last(std::FILE* out) const {
  const auto kept = static_cast<int64_t>(kKept);
  for (int64_t i = std::max<int64_t>(0, lines_ - kept); i < lines_; ++i)
    print(out, kept_[static_cast<size_t>(i % kept)]);
}

}  // namespace sluice::sim

// SPDX-License-Identifier: Apache-2.0
#include "flow/unpacking.h"

#include <algorithm>
#include <string>
#include <utility>

#include "flow/discover/siblings.h"
#include "sluice/check.h"
#include "sluice/ids.h"

namespace sluice {
namespace {

constexpr size_t kReadBytes = size_t{64} << 10;
constexpr size_t kWriteBytes = size_t{128} << 10;

// The name and those that it may have had before.
std::vector<std::string> family_of(std::string_view name) {
  std::vector<std::string> family = names_before_rotation(name);
  family.emplace_back(name);
  return family;
}

}  // namespace

bool may_hold(std::string_view archive, const FileStat& stat, const CheckpointRow& row) {
  std::string_view plain;
  if (!is_archive_name(archive, &plain)) return false;
  const int64_t birth = row.identity.birth_ns;
  if (birth != 0 && stat.birth_ns != 0 && stat.birth_ns < birth) return false;
  const auto family = family_of(std::string_view(row.path).substr(row.path.rfind('/') + 1));
  const auto others = family_of(plain);
  return std::find_first_of(family.begin(), family.end(), others.begin(), others.end()) !=
         family.end();
}

Result<std::vector<std::byte>> read_packed_head(Disk& disk, FileHandle archive) {
  std::vector<std::byte> in(kReadBytes), head(kHeadBytesMax);
  const auto bytes = disk.read_at(archive, FileOffset(0), in);
  if (!bytes.ok()) return bytes.error();
  in.resize(*bytes);
  auto unpacker = make_unpacker(in);
  if (!unpacker.ok()) return unpacker.error();
  head.resize((*unpacker)->unpack(in, head).made);
  return head;
}

Unpacking::Unpacking(Disk& disk, Scratch& scratch, FileHandle archive, FileHandle into,
                     FileOffset keep_from)
    : disk_(disk),
      scratch_(scratch),
      archive_(archive),
      into_(into),
      keep_from_(keep_from),
      in_(kReadBytes),
      out_(kWriteBytes) {}

Unpacking::~Unpacking() {
  disk_.close(archive_);
  if (!gave_file_) disk_.close(into_);
}

FileHandle Unpacking::give_file() {
  SLUICE_CHECK(!std::exchange(gave_file_, true), "a file is given once");
  return into_;
}

Unpacking::State Unpacking::fail(State state, const Error& error) {
  error_ = error;
  return state;
}

Unpacking::State Unpacking::step(Bytes at_most) {
  const FileOffset until = end_ + at_most;
  while (end_ < until) {
    if (const State state = write_out(); state != State::kGoing) return state;
    if (damage_) return fail(State::kDamaged, *damage_);
    if (over_ || (ended_ && in_begin_ == in_end_ && whole_)) return State::kDone;
    if (in_begin_ == in_end_ && !ended_) {
      if (const State state = read_more(); state != State::kGoing) return state;
    }
    make_more(std::min(static_cast<size_t>((until - end_).value), out_.size()));
  }
  return State::kGoing;
}

Unpacking::State Unpacking::read_more() {
  const auto bytes = disk_.read_at(archive_, read_at_, in_);
  if (!bytes.ok()) return fail(State::kUnreadable, bytes.error());
  read_at_ += Bytes(static_cast<int64_t>(*bytes));
  in_begin_ = 0;
  in_end_ = *bytes;
  ended_ = *bytes == 0;
  return State::kGoing;
}

void Unpacking::make_more(size_t at_most) {
  const auto in = std::span(in_).subspan(in_begin_, in_end_ - in_begin_);
  if (unpacker_ == nullptr) {
    auto made = make_unpacker(in);
    if (!made.ok()) {
      damage_ = made.error();
      return;
    }
    unpacker_ = std::move(*made);
  }
  const Unpacker::Step step = unpacker_->unpack(in, std::span(out_).first(at_most));
  in_begin_ += step.taken;
  out_end_ = step.made;
  whole_ = step.whole;
  over_ = step.over;
  damage_ = step.error;
  const bool cut = ended_ && step.made == 0 && !whole_ && !over_;
  if (cut && !damage_) damage_ = Error{Errc::kCorrupt, 0, "it ends in the middle"};
}

// What nobody asks for is passed over: it stays a hole.
Unpacking::State Unpacking::write_out() {
  const auto bytes = std::span(std::as_const(out_)).first(out_end_);
  const auto write = [&](FileOffset begin, FileOffset end) -> Result<void> {
    begin = std::max(begin, end_);
    end = std::min(end, end_ + Bytes(static_cast<int64_t>(out_end_)));
    if (begin >= end) return {};
    return scratch_.write_at(into_, begin,
                             bytes.subspan(static_cast<size_t>((begin - end_).value),
                                           static_cast<size_t>((end - begin).value)));
  };
  const FileOffset head_end(std::min<int64_t>(kHeadBytesMax, keep_from_.value));
  for (const auto& [begin, end] :
       {std::pair(FileOffset(0), head_end), std::pair(keep_from_, FileOffset(INT64_MAX / 2))}) {
    const auto written = write(begin, end);
    if (!written.ok()) return fail(State::kNoRoom, written.error());
  }
  end_ += Bytes(static_cast<int64_t>(std::exchange(out_end_, 0)));
  return State::kGoing;
}

}  // namespace sluice

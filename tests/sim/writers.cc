// SPDX-License-Identifier: Apache-2.0
#include "writers.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace sluice::sim {

Writers::Writers(const Plan& plan, Witness& witness, SimDisk& disk, Dice dice)
    : plan_(plan), witness_(witness), disk_(disk), dice_(dice) {
  for (int i = 0; i < plan.streams; ++i) {
    Stream& stream = streams_.emplace_back();
    stream.path = fmt::format("/logs/{}s{}.log", i % 3 == 2 ? "app/" : "", i);
    stream.appends = plan.no_append == 0 || !dice_.chance(plan.no_append);
    if (plan.links > 0 && i % 3 != 2 && dice_.chance(plan.links))
      link(stream, fmt::format("/pods/s{}", i));
  }
}

void Writers::reopen(Stream& stream) {
  if (stream.open != nullptr) disk_.let_go(*stream.open);
  stream.open = disk_.find(stream.path);
  if (stream.open == nullptr) stream.open = create(stream.path);
  disk_.hold(*stream.open);
  stream.at = stream.open->life->content.size();
  stream.reopen_at = kNever;
}

void Writers::reopen_if_due(Stream& stream) {
  if (stream.open == nullptr || stream.reopen_at <= witness_.now) reopen(stream);
}

// The first word counts: rotations that follow do not keep the writer in a file that was deleted
// long ago.
void Writers::be_told(Stream& stream, Duration late) {
  stream.reopen_at = std::min(stream.reopen_at, witness_.now + late);
}

// `s1 17 42 payload`: stream, number, length of the payload. Some of it needs an escape in JSON.
std::string Writers::make_line(size_t stream) {
  const bool is_long = dice_.chance(plan_.long_line);
  const size_t size = is_long ? 200 + dice_.below(1500) : dice_.below(60);
  std::string line = fmt::format("s{} {} {} ", stream, ++streams_[stream].lines, size);
  constexpr std::string_view kOdd = "\"\\\t\x01/{}";
  while (line.size() < size) {
    const uint64_t bits = dice_.next();
    if ((bits & 31) == 0) {
      line += "\xC3\xA9";
    } else if ((bits & 31) == 1) {
      line += kOdd[(bits >> 8) % kOdd.size()];
    } else {
      for (int i = 1; i <= 6; ++i) line += static_cast<char>('a' + (bits >> (8 * i) & 15));
    }
  }
  if (dice_.chance(30)) line += '\r';
  line += '\n';
  return line;
}

void Writers::finish_line(Stream& stream) {
  if (!stream.rest.empty() && stream.rest_in == stream.open->life) put(stream, stream.rest);
  stream.rest.clear();
}

void Writers::write(size_t index) {
  Stream& stream = streams_[index];
  reopen_if_due(stream);
  finish_line(stream);
  std::string text;
  const int64_t lines = dice_.between(1, plan_.lines_per_burst);
  for (int64_t i = 0; i < lines; ++i) text += make_line(index);
  if (dice_.chance(plan_.partial_write)) {
    const std::string line = make_line(index);
    size_t cut = 6 + dice_.below(line.size() - 6);
    while ((line[cut] & 0xC0) == 0x80) --cut;  // half a character would become another one
    text += line.substr(0, cut);
    stream.rest = line.substr(cut);
  }
  put(stream, text);
  stream.rest_in = stream.open->life;
  witness_.see("writer   s%ld writes %ld bytes to file #%ld, now %ld", static_cast<int64_t>(index),
               static_cast<int64_t>(text.size()), stream.open->serial,
               static_cast<int64_t>(stream.open->life->content.size()));
}

void Writers::rotate(size_t index, Rotation how) {
  Stream& stream = streams_[index];
  Inode* inode = disk_.find(stream.path);
  if (inode == nullptr && how != Rotation::kPack) return;
  witness_.see("rotator  s%ld: file #%ld, way %ld", static_cast<int64_t>(index),
               inode == nullptr ? 0 : inode->serial, static_cast<int64_t>(how));
  const Duration late =
      dice_.chance(300) ? Duration(0) : dice_.between(Duration(0), Duration(3'000'000'000));
  switch (how) {
    case Rotation::kRename:
      disk_.rename(stream.path, rotated_name(stream));
      be_told(stream, late);
      if (dice_.chance(600)) create(stream.path);
      break;
    case Rotation::kCopyTruncate:
      stream.copied = inode;
      stream.copy = create(rotated_name(stream));
      stream.copy->life->parent = inode->life;
      stream.copy->life->is_copy = stream.copy->life->copy_ended = true;
      // The copy of a large file takes its time, and can be looked at meanwhile.
      if (dice_.chance(600)) copy_more(stream, dice_.below(inode->life->content.size() + 1));
      if (dice_.chance(600)) copy_more(stream, inode->life->content.size());
      // What is written between the end of the copy and the truncation is in no file then.
      stream.copy_closed =
          dice_.chance(500) && stream.copy->life->content.size() == inode->life->content.size();
      break;
    case Rotation::kTruncate:
      give_up_copy(stream);
      disk_.truncate(*inode);
      if (dice_.chance(500)) write(index);
      break;
    case Rotation::kCut: {
      give_up_copy(stream);
      size_t keep = dice_.below(inode->life->content.size() + 1);
      if (dice_.chance(500)) keep = inode->life->content.rfind('\n', keep) + 1;  // whole lines
      while (keep > 0 && (inode->life->content[keep] & 0xC0) == 0x80) --keep;
      disk_.truncate(*inode, keep);
      if (dice_.chance(500)) write(index);
      break;
    }
    case Rotation::kDelete:
      disk_.unlink(stream.path);
      be_told(stream, late);
      break;
    case Rotation::kReplace:
      if (stream.open != nullptr) disk_.let_go(*stream.open);
      stream.open = nullptr;
      disk_.unlink(stream.path);
      write(index);
      break;
    case Rotation::kPack:
      pack(stream);
      break;
    case Rotation::kRetarget:
      retarget(stream);
      break;
  }
}

// Of a content that is still the one that is copied.
void Writers::copy_more(Stream& stream, size_t end) {
  Life& copy = *stream.copy->life;
  if (!copy.is_copy || copy.parent != stream.copied->life) return;
  const std::string& original = copy.parent->content;
  while (end < original.size() && end > 0 && (original[end] & 0xC0) == 0x80) --end;
  if (copy.content.size() >= end) return;
  disk_.append(*stream.copy,
               copy.parent->content.substr(copy.content.size(), end - copy.content.size()));
}

// Its original was truncated by somebody else: it stays as it is, a part of a content.
void Writers::give_up_copy(Stream& stream) {
  if (std::exchange(stream.copied, nullptr) != nullptr) stream.copy->life->copy_ended = false;
}

void Writers::finish_copy(size_t index) {
  Stream& stream = streams_[index];
  if (stream.copied == nullptr) return;
  if (!stream.copy_closed) copy_more(stream, stream.copied->life->content.size());
  disk_.truncate(*std::exchange(stream.copied, nullptr));
}

void Writers::lose_power() {
  for (Stream& stream : streams_) {
    if (stream.open != nullptr) disk_.let_go(*stream.open);
    give_up_copy(stream);
    stream.open = nullptr;
    stream.rest.clear();
  }
}

void Writers::come_to_rest(size_t index) {
  Stream& stream = streams_[index];
  finish_copy(index);
  reopen_if_due(stream);
  finish_line(stream);
  reopen(stream);
}

}  // namespace sluice::sim

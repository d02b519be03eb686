// SPDX-License-Identifier: Apache-2.0
// The road of a line: adopted, read, published, stored, acknowledged, committed.
#include "ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "flow/discover/identity.h"
#include "readable_text.h"
#include "sluice/check.h"

namespace sluice::sim {
namespace {

uint64_t hash_of(std::string_view text) {
  return content_hash(std::as_bytes(std::span(text.data(), text.size())));
}

// Ways to tell the records of one body apart that are tried.
constexpr size_t kAssignmentsMax = 20'000;
// From here on tails are of bytes that come out of the spool.
constexpr uint32_t kKnownAgain = 1'000'000;

uint32_t destination_index(const std::string& name) {
  return static_cast<uint32_t>(name.back() - '0');
}

}  // namespace

std::pair<uint64_t, uint64_t> key_pair(const Parcel& parcel, uint32_t destination) {
  return {parcel.key.low + destination, parcel.key.high};
}

Ledger::Ledger(const Plan& plan, Witness& witness, SimDisk& disk)
    : plan_(plan), witness_(witness), disk_(disk), counts_(plan.destinations.size()) {}

void Ledger::run_begins() {
  counts_.assign(plan_.destinations.size(), {});
  refused_in_row_.assign(plan_.destinations.size(), {});
  taken_bytes_ = 0;
  in_buffer_.assign(in_buffer_.size(), {});
  for (Inode& inode : disk_.inodes()) {
    inode.read_by_run = false;
    for (Life* life : inode.lives) {
      for (Reach& reach : life->at) {
        reach.taken.clear();
        reach.stored_now.clear();
        reach.acked_now.clear();
        reach.resent.clear();
        reach.spooled_before.clear();
        reach.resumed_at = 0;
        reach.goes_on_from_original = false;
        reach.goes_on = false;
      }
    }
  }
}

void Ledger::adopted(const TailSpec& spec) {
  Inode* inode = disk_.behind(spec.file);
  if (inode == nullptr) return witness_.violation("I7 BOUND", "adopted a closed descriptor");
  if (inode->scratch && (inode = find_unpacked(*inode, spec)) == nullptr)
    return witness_.violation("I4 GHOST", "unpacks what no file ever held");
  TailFacts& tail = tails_[spec.tail.value];
  tail.inode = inode;
  tail.destination = spec.destination.value;
  tail.path = spec.path;
  witness_.see("steward  adopts file #%ld as tail %ld for d%ld at %ld, epoch %ld", inode->serial,
               spec.tail.value, spec.destination.value, spec.start.value, spec.epoch.value);
  if (spec.rotated) witness_.saw(Rare::kNameless);
  if (std::exchange(inode->unknown[tail.destination], false)) {
    // Found all the same: owed from here on, or from where "from: end" once began.
    Reach& reach = inode->life->at[tail.destination];
    reach.excused_once.add(reach.excused);
    reach.excused = {};
    if (plan_.from_end && !inode->life->is_copy) reach.excused.add(0, spec.start.value);
  }
  check_resumes(spec, *inode);
  check_copy(spec, *inode->life);
  if (spec.start == FileOffset(0)) return;
  witness_.saw(Rare::kRowResumed);
  Life* life = life_with(*inode, spec.start, marker_hash(spec.marker), spec.marker.size);
  if (life == nullptr)
    return witness_.violation("I1 CKPT", "resumes at a position that no content ever had");
  tail.lives[spec.epoch.value] = life;
  Reach& reach = life->at[spec.destination.value];
  reach.resumed_at = spec.start.value;
  reach.goes_on_from_original =
      life->is_copy && !taken_with_parents(*life->parent, spec.destination.value).empty();
  if (taken_of_original(*life, spec.destination.value).first_gap(0) >= spec.start.value) return;
  if (has_twin(*life, spec.start.value, spec.destination.value, true)) {
    witness_.saw(Rare::kTwin);
    return reach.acked.add(0, spec.start.value);  // as another's
  }
  if (!plan_.from_end || store_damaged_ || row_known(*inode, spec.destination.value))
    return broken("I1 CKPT", *life, spec.start.value, "resumes beyond what was acknowledged");
  witness_.saw(Rare::kSkippedToEnd);
  reach.excused.add(0, spec.start.value);
}

// The content that had these bytes before the offset; the latest if there were several.
Life* Ledger::life_with(const Inode& inode, FileOffset offset, uint64_t marker_hash,
                        uint32_t marker_bytes) const {
  for (auto it = inode.lives.rbegin(); it != inode.lives.rend(); ++it) {
    const std::string_view content = (*it)->content;
    const auto end = static_cast<size_t>(offset.value);
    if (content.size() < end || end < marker_bytes) continue;
    if (hash_of(content.substr(end - marker_bytes, marker_bytes)) == marker_hash) return *it;
  }
  return nullptr;
}

// Nothing is sent again whose row says that it was acknowledged.
void Ledger::check_resumes(const TailSpec& spec, Inode& inode) {
  for (const auto& [number, row] : rows_) {
    if (row.offset <= spec.start || row.epoch < spec.epoch) continue;
    if (!row_speaks_of(row, inode, spec.destination.value)) continue;
    return broken("I3 DUP", *inode.life, spec.start.value, "begins before what its row says");
  }
}

void Ledger::read_done(size_t buffer, const Inode& inode, MonoTime asked_at) {
  if (in_buffer_.size() <= buffer) in_buffer_.resize(buffer + 1);
  Life* life = inode.stands_for != nullptr ? inode.stands_for : inode.life;
  in_buffer_[buffer] = {life, static_cast<int64_t>(inode.life->content.size()), inode.changed_at,
                        asked_at};
}

void Ledger::published(const LineBlock& block) {
  const auto found = tails_.find(block.origin->tail.value);
  const ReadFacts& read = in_buffer_.at(static_cast<size_t>(block.buffer));
  Life* life = read.life;
  SLUICE_CHECK(found != tails_.end() && life != nullptr, "a block was read for a tail");
  TailFacts& tail = found->second;
  if (tail.inode != life->inode)
    return broken("I4 GHOST", *life, 0, "a block holds the bytes of another file");
  check_epoch(tail, block, *life);
  const int64_t begin = block.first_offset.value;
  const int64_t end = begin + static_cast<int64_t>(block.size());
  const auto size = static_cast<int64_t>(life->content.size());
  const std::string_view bytes(reinterpret_cast<const char*>(block.bytes), block.size());
  if (end > size || life->content.compare(static_cast<size_t>(begin), bytes.size(), bytes) != 0)
    return broken("I4 GHOST", *life, begin, "a block holds bytes that were never there");
  if (block.last_is_partial) check_cut(block, read);
  Reach& reach = life->at[tail.destination];
  const bool again = reach.taken.overlaps(begin, end);
  if (again && block.origin->ordered) witness_.saw(Rare::kOrderedRewind);
  if (again && !block.origin->ordered) broken("I3 DUP", *life, begin, "one run takes a byte twice");
  if (block.last_is_partial)
    witness_.saw(block.line_count == 1 && block.size() >= plan_.line_bytes_max - 3
                     ? Rare::kSplitLine
                     : Rare::kPartialLastLine);
  if (life->is_copy && !life->parent->at[tail.destination].taken.empty())
    witness_.saw(Rare::kRestRead);
  reach.taken.add(begin, end);
  taken_bytes_ += end - begin;
  witness_.see("shard %ld  takes file #%ld [%ld, %ld) for d%ld", block.origin->home.value,
               life->inode->serial, begin, end, tail.destination);
}

namespace {

// Whether the first bytes are those of the content before, but for holes: zeros that nobody wrote
// are passed over, so nothing is missed where two contents differ in them.
bool shows_the_same(const Life& life, const Life& before, int64_t bytes) {
  const auto size = static_cast<size_t>(bytes);
  if (size > life.content.size()) return false;
  size_t at = 0;
  while (at < size) {
    const size_t both = std::max(at, std::min(size, before.content.size()));
    const auto from = static_cast<std::ptrdiff_t>(at), end = static_cast<std::ptrdiff_t>(both);
    const auto differs = std::mismatch(life.content.begin() + from, life.content.begin() + end,
                                       before.content.begin() + from)
                             .first;
    at = static_cast<size_t>(differs - life.content.begin());
    const auto behind = static_cast<size_t>(life.gaps.first_gap(static_cast<int64_t>(at)));
    if (at < size && behind == at) return false;
    at = behind;
  }
  return true;
}

}  // namespace

void Ledger::check_epoch(TailFacts& tail, const LineBlock& block, Life& life) {
  const uint32_t epoch = block.origin->epoch.value;
  Life*& known = tail.lives.try_emplace(epoch, &life).first->second;
  if (known == &life) return;
  // The file was cut behind the bytes that were taken: then it goes on.
  Reach& before = known->at[tail.destination];
  const int64_t taken = block.first_offset.value;  // of an ordered tail the rest was given back
  if (!shows_the_same(life, *known, taken))
    return broken("I4 GHOST", life, block.first_offset.value, "one epoch holds two contents");
  witness_.saw(Rare::kGoesOnAfterCut);
  before.goes_on = true;
  Reach& reach = life.at[tail.destination];
  reach.taken.add(before.taken.before(taken));
  // Spans of the epoch name this content from here on; what became of them before is known.
  reach.refused.add(before.refused.before(taken));
  reach.in_spool.add(before.in_spool.before(taken));
  reach.dead.add(before.dead.before(taken));
  reach.resent.add(before.resent.before(taken));
  reach.resumed_at = before.resumed_at;
  std::vector<EarlierLife>& earlier = tail.earlier[epoch];
  earlier.push_back({known, taken});
  reach.goes_on_from.insert(reach.goes_on_from.end(), earlier.begin(), earlier.end());
  known = &life;
}

// A line that fits stays whole; the last one of a file that was rotated may be unfinished, but not
// before its writer had some time.
void Ledger::check_cut(const LineBlock& block, const ReadFacts& read) {
  const auto line =
      static_cast<size_t>(block.first_offset.value) + block.line_begin(block.line_count - 1);
  const auto line_max = static_cast<int64_t>(plan_.line_bytes_max);
  const size_t newline = read.life->content.find('\n', line);
  const bool ended = newline != std::string::npos && static_cast<int64_t>(newline) < read.size;
  const int64_t line_end = ended ? static_cast<int64_t>(newline) : read.size;
  const auto begin = static_cast<int64_t>(line);
  if (line_end - begin > line_max) return;  // a piece
  const int64_t end = block.first_offset.value + static_cast<int64_t>(block.size());
  if (ended || end < read.size)
    return broken("I4 GHOST", *read.life, begin, "a line that fits is cut");
  const bool soon = read.asked_at.value < read.changed_at + plan_.partial_grace.value;
  if (soon && plan_.hot_for < plan_.partial_grace)
    broken("I4 GHOST", *read.life, begin, "an unfinished line is taken before its time");
}

Life* Ledger::life_of(const Span& span) {
  const auto tail = tails_.find(span.tail.value);
  if (tail == tails_.end()) return nullptr;
  const auto life = tail->second.lives.find(span.epoch.value);
  return life == tail->second.lives.end() ? nullptr : life->second;
}

Reach& Ledger::reach(const Span& span) {
  Life* life = life_of(span);
  SLUICE_CHECK(life != nullptr, "a span was published before it is sent");
  return life->at[tails_.at(span.tail.value).destination];
}

// Also for the contents from which it was taken, if the file was cut behind it since.
void Ledger::settle(const Span& span, RangeSet Reach::*how) {
  (reach(span).*how).add(span.begin.value, span.end.value);
  const TailFacts& tail = tails_.at(span.tail.value);
  const auto earlier = tail.earlier.find(span.epoch.value);
  if (earlier == tail.earlier.end()) return;
  for (const auto& [life, until] : earlier->second) {
    if (span.begin.value >= until) continue;
    (life->at[tail.destination].*how).add(span.begin.value, std::min(until, span.end.value));
  }
}

void Ledger::stored(uint32_t destination, const Parcel& parcel) {
  check_body(destination, parcel);
  if (!witness_.good()) return;
  for (const Span& span : parcel.spans) check_not_twice(destination, parcel, span);
  for (const Span& span : parcel.spans) {
    check_order(destination, span);
    Reach& at = reach(span);
    if (at.stored.overlaps(span.begin.value, span.end.value)) witness_.saw(Rare::kStoredTwice);
    at.stored.add(span.begin.value, span.end.value);
    at.stored_now.add(span.begin.value, span.end.value);
  }
  keys_stored_.insert(key_pair(parcel, destination));
  if (on_stored) on_stored(destination, reader_.records());
}

// The records, read anew, are exactly the lines of the spans: nothing else, nothing missing, in the
// order of each file.
void Ledger::check_body(uint32_t destination, const Parcel& parcel) {
  const auto bytes = parcel.bytes();
  const std::string_view body(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!reader_.read(body, plan_.destinations[destination].ndjson))
    return witness_.violation("I4 GHOST", fmt::format("a body is no JSON at byte {}: {}",
                                                      reader_.problem_at(), body.substr(0, 200)));
  std::vector<Cursor> cursors;
  for (const Span& span : parcel.spans) {
    Life* life = life_of(span);
    if (life == nullptr)
      return witness_.violation("I4 GHOST", "a parcel names a span that was never read");
    const TailFacts& tail = tails_.at(span.tail.value);
    const auto earlier = tail.earlier.find(span.epoch.value);
    cursors.push_back({life, earlier == tail.earlier.end() ? nullptr : &earlier->second, &tail.path,
                       span.begin.value, span.end.value, 0});
  }
  if (static_cast<int64_t>(reader_.records().size()) != parcel.lines.value)
    return witness_.violation("I8 METRIC", "a parcel counts other lines than its body holds");
  FailedWays failed;
  if (assign(cursors, reader_.records(), failed)) return;
  for (const BodyRecord& record : reader_.records()) {
    if (advance(cursors, record)) continue;
    return witness_.violation(
        "I4 GHOST", fmt::format("a record was never written, or not in this place: {} at {}: {}",
                                record.path, record.offset, record.line));
  }
  for (const Cursor& cursor : cursors) {
    if (!cursor.done())
      return broken("I2 LOSS", *cursor.life, cursor.at,
                    "a span holds bytes that its body does not");
  }
}

// Whether the records can be told apart into the spans. A file and its copy may be in one body
// under one path: then which record is whose may show only later, where one of them ends.
bool Ledger::assign(std::vector<Cursor> cursors, std::span<const BodyRecord> records,
                    FailedWays& failed) const {
  std::vector<int64_t> begin{static_cast<int64_t>(records.size())};
  for (const Cursor& cursor : cursors) {
    begin.push_back(cursor.at);
    begin.push_back(cursor.may_skip);
  }
  if (failed.contains(begin) || failed.size() > kAssignmentsMax) return false;
  for (size_t k = 0; k < records.size(); ++k) {
    Cursor* only = nullptr;
    Cursor after;
    for (Cursor& cursor : cursors) {
      Cursor moved = cursor;
      if (!covers(cursor, records[k]) || !matches(moved, records[k])) continue;
      if (only != nullptr) {
        std::vector<Cursor> other = cursors;
        other[static_cast<size_t>(&cursor - cursors.data())] = moved;
        if (assign(std::move(other), records.subspan(k + 1), failed)) return true;
      }
      if (only == nullptr) after = moved;
      if (only == nullptr) only = &cursor;
    }
    if (only == nullptr) {
      failed.insert(begin);
      return false;
    }
    *only = after;
  }
  const bool all = std::all_of(cursors.begin(), cursors.end(),
                               [](const Cursor& cursor) { return cursor.done(); });
  if (!all) failed.insert(begin);
  return all;
}

bool Ledger::covers(const Cursor& cursor, const BodyRecord& record) const {
  return *cursor.path == record.path && record.offset >= cursor.at &&
         record.offset <= cursor.at + cursor.may_skip && record.offset < cursor.end;
}

bool Ledger::advance(std::vector<Cursor>& cursors, const BodyRecord& record) const {
  return std::any_of(cursors.begin(), cursors.end(), [&](Cursor& cursor) {
    return covers(cursor, record) && matches(cursor, record);
  });
}

// Whether the record is what lies under the cursor; moves the cursor behind it if so.
bool Ledger::matches(Cursor& cursor, const BodyRecord& record) const {
  const auto at = static_cast<size_t>(record.offset);
  const auto shows = [&](const Life* life) {
    return at <= life->content.size() &&
           life->content.compare(at, record.line.size(), record.line) == 0;
  };
  const Life* life = cursor.life;
  if (!shows(life) && cursor.earlier != nullptr) {
    // What was taken before a cut may show other bytes in a hole.
    const auto before = std::find_if(cursor.earlier->begin(), cursor.earlier->end(),
                                     [&](const auto& each) { return shows(each.life); });
    if (before != cursor.earlier->end()) life = before->life;
  }
  const std::string& content = life->content;
  if (content.compare(at, record.line.size(), record.line) != 0)
    return matches_replaced(cursor, record);
  size_t end = at + record.line.size();
  const auto is = [&](size_t where, char c) {
    return where < content.size() && content[where] == c;
  };
  cursor.may_skip = 0;
  if (record.partial) {
    // A piece, the end of the line in it or not: what comes next tells.
    const size_t after_cr = end + (plan_.strip_cr && is(end, '\r') ? 1 : 0);
    const size_t after = after_cr + (is(after_cr, '\n') ? 1 : 0);
    cursor.may_skip = static_cast<int64_t>(after - end);
  } else {
    if (plan_.strip_cr && is(end, '\r')) ++end;
    if (!is(end, '\n')) return false;
    ++end;
  }
  cursor.at = static_cast<int64_t>(end);
  return cursor.at <= cursor.end;
}

// The same for a whole line with bytes that are no UTF-8, or behind a byte order mark at the
// beginning.
bool Ledger::matches_replaced(Cursor& cursor, const BodyRecord& record) const {
  const std::string& content = cursor.life->content;
  const size_t newline = content.find('\n', static_cast<size_t>(record.offset));
  if (record.partial || newline == content.npos) return false;
  std::string_view line = std::string_view(content).substr(
      static_cast<size_t>(record.offset), newline - static_cast<size_t>(record.offset));
  if (plan_.strip_cr && line.ends_with('\r')) line.remove_suffix(1);
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  if (record.offset == 0 && line.starts_with(kMark)) line.remove_prefix(kMark.size());
  if (readable_text(line) != record.line) return false;
  cursor.may_skip = 0;
  cursor.at = static_cast<int64_t>(newline) + 1;
  return cursor.at <= cursor.end;
}

// The same bytes reach the receiver twice only if the agent could not know that they had.
void Ledger::check_not_twice(uint32_t destination, const Parcel& parcel, const Span& span) {
  const auto key = key_pair(parcel, destination);
  Life& life = *life_of(span);
  const Reach& at = reach(span);
  // Stored in the spool by an earlier run, whose position may have been lost: as documented.
  if (at.spooled_before.overlaps(span.begin.value, span.end.value)) return;
  if (span.tail.value >= kKnownAgain || keys_spooled_before_.contains(key)) return;
  if (keys_acked_.contains(key))
    return broken("I3 DUP", life, span.begin.value, "a parcel is sent again after its success");
  if (keys_stored_.contains(key)) return;  // a retry after a lost answer
  if (at.resent.overlaps(span.begin.value, span.end.value)) return;
  if (at.stored_now.overlaps(span.begin.value, span.end.value))
    return broken("I3 DUP", life, span.begin.value, "one run sends a byte in two parcels");
  if (span.begin.value < at.resumed_at && !at.spooled.overlaps(span.begin.value, span.end.value))
    broken("I3 DUP", life, span.begin.value, "sent again although its row was stored");
}

void Ledger::check_order(uint32_t destination, const Span& span) {
  if (!plan_.destinations[destination].ordered) return;
  const Life& life = *life_of(span);
  RangeSet before = stored_of(life, destination);
  before.add(delivered(life, destination));
  before.add(life.at[destination].refused);
  before.add(reached_of_cuts(life, destination));
  // Spooled when nothing in front of it was owed, which a damaged store has made owed since.
  if (span.tail.value >= kKnownAgain) before.add(life.at[destination].excused_once);
  if (before.first_gap(0) < span.begin.value)
    broken("I5 ORDER", life, span.begin.value, "stored before the bytes in front of it");
}

void Ledger::acked(uint32_t destination, const Parcel& parcel) {
  SLUICE_CHECK(keys_stored_.contains(key_pair(parcel, destination)), "stored before answered");
  keys_acked_.insert(key_pair(parcel, destination));
  refused_in_row_[destination].clear();
  LaneCounts& counts = counts_[destination];
  ++counts.delivered_parcels;
  counts.delivered_lines += parcel.lines.value;
  counts.delivered_body_bytes += static_cast<int64_t>(parcel.body_bytes);
  for (const Span& span : parcel.spans) {
    counts.delivered_raw_bytes += (span.end - span.begin).value;
    settle(span, &Reach::acked);
    // What an earlier run spooled this one need not have a row for, and may read again.
    if (span.tail.value < kKnownAgain) {
      reach(span).acked_now.add(span.begin.value, span.end.value);
    } else {
      keys_spooled_before_.insert(key_pair(parcel, destination));
    }
    if (life_of(span)->destroyed) witness_.saw(Rare::kLateAck);
  }
}

int32_t Ledger::refusal(uint32_t destination, const Parcel& parcel) {
  if (receivers_mended) return 0;
  if (plan_.body_max > 0 && parcel.body_bytes > plan_.body_max) return 413;
  if (plan_.poison == 0) return 0;
  const auto bytes = parcel.bytes();
  const std::string_view body(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!reader_.read(body, plan_.destinations[destination].ndjson)) return 0;
  for (const BodyRecord& record : reader_.records()) {
    if (hash_of(record.line) % 1000 < static_cast<uint64_t>(plan_.poison)) return 400;
  }
  return 0;
}

void Ledger::refused(uint32_t destination, const Parcel& parcel) {
  const bool was_stored = keys_stored_.contains(key_pair(parcel, destination));
  for (const Span& span : parcel.spans) {
    Reach& at = reach(span);
    if (was_stored) at.resent.add(span.begin.value, span.end.value);
    if (parcel.lines != Lines(1)) continue;
    at.refused.add(span.begin.value, span.end.value);
    refused_in_row_[destination].emplace(life_of(span)->serial, span.begin.value);
  }
  if (parcel.lines > Lines(1)) witness_.saw(Rare::kTakenApart);
}

bool Ledger::may_hold(uint32_t destination) const {
  constexpr size_t kUnprovenMax = 8;
  return refused_in_row_[destination].size() >= kUnprovenMax;
}

void Ledger::came_home(const Parcel& parcel) {
  LaneCounts& counts = counts_[parcel.destination.value];
  for (const Span& span : parcel.dead) {
    const RangeSet& dead = reach(span).dead;
    if (dead.first_gap(span.begin.value) < span.end.value)
      return broken("I1 CKPT", *life_of(span), span.begin.value,
                    "a position may pass a letter that is not durable");
  }
  if (parcel.fate == Fate::kUndelivered) {
    witness_.saw(Rare::kUndelivered);
    ++counts.undelivered;
    // Parts of it may have been taken; they come again, as documented.
    for (const Span& span : parcel.spans)
      reach(span).acked_now.remove(span.begin.value, span.end.value);
  }
  if (parcel.fate == Fate::kSpooled) {
    witness_.saw(Rare::kSpooled);
    for (const Span& span : parcel.spans) {
      Reach& at = reach(span);
      RangeSet safe = at.in_spool;
      safe.add(at.delivered());
      if (safe.first_gap(span.begin.value) < span.end.value)
        return broken("I1 CKPT", *life_of(span), span.begin.value,
                      "a position may pass what is not durable in the spool");
      at.spooled.add(span.begin.value, span.end.value);
      at.acked_now.add(span.begin.value, span.end.value);
    }
  }
  if (parcel.fate != Fate::kDropped) return;
  witness_.saw(Rare::kDropped);
  witness_.see("lane d%ld  drops %ld line(s)", parcel.destination.value, parcel.lines.value);
  if (!plan_.destinations[parcel.destination.value].drop_oldest)
    return witness_.violation("I2 LOSS", "a parcel is dropped although the policy is to block");
  counts.dropped_lines += parcel.lines.value;
  for (const Span& span : parcel.spans) {
    counts.dropped_raw_bytes += (span.end - span.begin).value;
    settle(span, &Reach::dropped);
  }
}

std::vector<SpooledBytes> Ledger::spooled(uint32_t destination, const Parcel& parcel,
                                          bool durable) {
  std::vector<SpooledBytes> all;
  for (const Span& span : parcel.spans) {
    Life* const life = life_of(span);
    if (life == nullptr) {
      witness_.violation("I4 GHOST", "a parcel names a span that was never read");
      continue;
    }
    if (durable) life->at[destination].in_spool.add(span.begin.value, span.end.value);
    all.push_back({life, tails_.at(span.tail.value).path, span, key_pair(parcel, destination)});
  }
  witness_.see("spool d%ld stores %ld line(s)", destination, parcel.lines.value);
  return all;
}

TailId Ledger::known_again(uint32_t destination, const SpooledBytes& bytes) {
  const TailId tail(kKnownAgain + tails_known_again_++);
  TailFacts& facts = tails_[tail.value];
  facts.inode = bytes.life->inode;
  facts.destination = destination;
  facts.path = bytes.path;
  facts.lives[bytes.span.epoch.value] = bytes.life;
  return tail;
}

// A stored offset is a promise: everything before it was acknowledged, in the content that its
// marker proves.
void Ledger::committed(const CheckpointRow& row) {
  const bool is_new = !rows_.contains(row.row);
  rows_[row.row] = row;
  if (row.destination.empty() || row.offset == FileOffset(0)) return;
  const uint32_t destination = destination_index(row.destination);
  const Life* proven = nullptr;
  for (const Inode& inode : disk_.inodes()) {
    // A row without a file speaks of a content whose copy is searched for.
    const bool is_rest = row.identity.inode == 0;
    const bool own = inode.number == row.identity.inode && inode.birth_ns == row.identity.birth_ns;
    // The content was copied, and is read out of the archive of the copy.
    if (!own && !is_rest && !inode.packed) continue;
    Life* life = life_with(inode, row.offset, row.marker_hash, row.marker_bytes);
    if (life == nullptr) continue;
    if (own && is_new && plan_.from_end && !store_damaged_) {
      witness_.saw(Rare::kSkippedToEnd);
      life->at[destination].excused.add(0, row.offset.value);
    }
    if (settled(*life, destination).first_gap(0) >= row.offset.value) return;
    // A new row may be stored before the tail that it is for is handed over. A known one may speak
    // of bytes that were truncated away and written again: no marker tells these from those.
    if (own && has_twin(*life, row.offset.value, destination, is_new)) {
      witness_.saw(Rare::kTwin);
      return life->at[destination].acked.add(0, row.offset.value);
    }
    if (own) proven = life;
  }
  if (proven != nullptr)
    return broken("I1 CKPT", *proven, row.offset.value, "stored beyond what was acknowledged");
  witness_.violation("I1 CKPT", fmt::format("the row of {} at {} proves a content that never was",
                                            row.path, row.offset.value));
}

}  // namespace sluice::sim

// SPDX-License-Identifier: Apache-2.0
// What became of every byte: the audit, made when somebody asks.
#include <algorithm>

#include "flow/audit_lines.h"
#include "flow/steward.h"

namespace sluice {
namespace {

std::string reason_of(const Error& error) {
  return error.code == Errc::kExhausted && error.sys_errno == 0 ? "no descriptor is free"
                                                                : error.message();
}

void fill_from_sums(AuditLine& line, const GenerationSums& sums) {
  line.size = sums.size;
  line.skipped = sums.skipped;
  line.acked = sums.acked;
  line.dropped = sums.dropped;
  line.in_flight = sums.in_flight;
  line.unread = sums.unread;
}

AuditState state_of(const FollowedFile& file) {
  if (!file.packed_in.empty()) return AuditState::kRotated;
  if (file.unlinked) return AuditState::kDeleted;
  return file.names.empty() ? AuditState::kRotated : AuditState::kFollowed;
}

bool is_of(const CheckpointRow& row, const FileKey& key, int64_t birth_ns) {
  const bool same_birth =
      row.identity.birth_ns == 0 || birth_ns == 0 || row.identity.birth_ns == birth_ns;
  return row.identity.inode == key.inode && same_birth;
}

}  // namespace

void Steward::ask_positions() {
  if (shards_to_tell_ > 0) return;  // they are at it
  shards_to_tell_ = doors_.shards.size();
  for (uint32_t shard = 0; shard < doors_.shards.size(); ++shard) {
    ShardOrder tell;
    tell.kind = ShardOrder::Kind::kTell;
    send(ShardId(shard), std::move(tell));
  }
  flush_orders();
}

void Steward::tail_position(const ShardReport& report) {
  if (report.kind == ShardReport::Kind::kTold) {
    SLUICE_CHECK(shards_to_tell_ > 0, "a shard tells when it was asked");
    --shards_to_tell_;
    return;
  }
  FollowedTail* tail = files_.find(report.tail);
  if (tail == nullptr) return;
  tail->told_epoch = report.epoch;
  tail->told_end = report.offset;
}

void Steward::count_missed(MissedReason reason, Bytes bytes) {
  if (bytes <= Bytes(0)) return;
  StewardMetrics& metrics = world_.metrics;
  Counter* const counters[kMissedReasons] = {&metrics.missed_truncated, &metrics.missed_replaced,
                                             &metrics.missed_deleted, &metrics.missed_unacked};
  counters[static_cast<size_t>(reason)]->add(bytes.value);
}

// What a truncation takes away can be told only by a size that was seen before. Files that grow
// while their destination does not answer are looked at by nobody else.
void Steward::note_sizes() {
  for (auto& [number, tail] : files_.tails()) {
    const FollowedFile& file = files_.at(tail.file);
    if (!file.handle.valid() || file.unpacking) continue;
    const auto stat = world_.disk.stat(file.handle);
    if (!stat.ok()) continue;
    const Bytes before = tail.ledger.seen();
    tail.ledger.saw_size(stat->size);
    if (tail.ledger.seen() > before) mark_dirty(tail);
  }
}

void Steward::audit_open(const FollowedFile& file, std::vector<AuditLine>& lines) {
  const auto stat = world_.disk.stat(file.handle);
  for (TailId id : file.tails) {
    FollowedTail& tail = files_.at(id);
    if (stat.ok() && !file.unpacking) tail.ledger.saw_size(stat->size);
    AuditLine line = line_of(rows_.at(tail.row));
    line.path = file.path;
    const bool same = file.names.empty() || file.names.front() == file.path;
    if (!same) line.present_name = file.names.front();
    if (!file.packed_in.empty()) line.present_name = file.packed_in;
    line.source = settings_.sources[tail.source.value].name;
    line.state = state_of(file);
    line.generation = tail.window.epoch().value;
    line.identity = file.identity;
    line.offset = tail.window.committed();
    line.at = wall_;
    if (tail.trouble_errno != 0)
      line.error = Error::from_errno("read", tail.trouble_errno).message();
    FileOffset read_end = tail.window.committed();
    // A tail at rest was read to the last line's end when it said so.
    if (!tail.hot) read_end = std::max(read_end, tail.rest_end - tail.rest_unfinished);
    if (tail.told_epoch == tail.window.epoch()) read_end = std::max(read_end, tail.told_end);
    Bytes size = stat.ok() ? stat->size : tail.ledger.seen();
    if (!file.packed_in.empty()) size = std::max(size, tail.ledger.seen());
    fill_from_sums(line, tail.ledger.sums(tail.window, read_end, size));
    lines.push_back(line);
    append_past(lines, line, tail.ledger.past());
  }
}

void Steward::audit_row(int64_t number, AuditState state, std::optional<Bytes> size,
                        const std::string& name, std::vector<AuditLine>& lines) const {
  const CheckpointRow& row = rows_.at(number);
  AuditLine line = line_of(row);
  line.state = state;
  if (name != row.path) line.present_name = name;
  if (const auto origin = origin_of(row))
    line.source = settings_.sources[origin->source.value].name;
  if (state == AuditState::kGone) {
    fill_gone(line, row);
  } else {
    fill_from_row(line, row, size.value_or(row.ledger.seen));
  }
  lines.push_back(line);
  append_past(lines, line, row.ledger.past);
}

// A file that has no descriptor, with or without a row from earlier.
void Steward::audit_waiting(const std::string& path, const Unopened& unopened,
                            std::unordered_set<int64_t>& told,
                            std::vector<AuditLine>& lines) const {
  const auto stat = world_.disk.stat(path);
  const AuditState state = unopened.wants_room ? AuditState::kWaiting : AuditState::kUnreadable;
  const size_t before = lines.size();
  std::set<DestinationId> served;
  for (SourceId source : catalogue_.wanted_by(path)) {
    for (DestinationId destination : settings_.sources[source.value].destinations) {
      if (!served.insert(destination).second) continue;
      const std::string& name = settings_.destinations[destination.value].name;
      const auto rows = rows_.related(name, stat.ok() ? stat->inode : 0, path);
      const auto known = std::find_if(rows.begin(), rows.end(), [&](const CheckpointRow* row) {
        return stat.ok() && is_of(*row, key_of(*stat), stat->birth_ns) && !told.contains(row->row);
      });
      if (known != rows.end()) {
        told.insert((*known)->row);
        audit_row((*known)->row, state, stat->size, path, lines);
        continue;
      }
      AuditLine line;
      line.path = path;
      line.source = settings_.sources[source.value].name;
      line.destination = name;
      line.state = state;
      line.at = wall_;
      if (stat.ok()) line.identity = identify(*stat, {});
      if (stat.ok()) line.size = line.unread = stat->size;
      lines.push_back(line);
    }
  }
  for (size_t i = before; i < lines.size(); ++i) {
    if (lines[i].state == state) lines[i].error = reason_of(unopened.error);
  }
}

// A row without a tail and without a name of ours.
void Steward::audit_left(int64_t number, std::vector<AuditLine>& lines) const {
  const auto left = left_.find(number);
  const CheckpointRow& row = rows_.at(number);
  if (left == left_.end()) {
    const AuditState state = row.gone ? AuditState::kGone : AuditState::kUnconfigured;
    return audit_row(number, state, std::nullopt, row.path, lines);
  }
  const auto packed = packed_.find(number);
  if (packed != packed_.end() && !packed->second.archives.empty())
    return audit_row(number, AuditState::kRotated, std::nullopt,
                     packed->second.archives.front().path, lines);
  if (left->second.place != LeftRow::Place::kFound)
    return audit_row(number, AuditState::kGone, std::nullopt, row.path, lines);
  const auto stat = world_.disk.stat(left->second.found_at);
  audit_row(number, AuditState::kRotated, stat.ok() ? std::optional(stat->size) : std::nullopt,
            left->second.found_at, lines);
}

// A content that is over, and whose copy is searched for.
void Steward::audit_rest(const Rest& rest, std::vector<AuditLine>& lines) const {
  AuditLine line = line_of(rows_.at(rest.row));
  if (const auto origin = origin_of(rows_.at(rest.row)))
    line.source = settings_.sources[origin->source.value].name;
  line.state = AuditState::kPast;
  fill_from_sums(line, rest.ledger.sums(rest.window, rest.taken, rest.ledger.seen()));
  lines.push_back(line);
}

AuditReport Steward::audit(MonoTime now, WallTime wall) {
  now_ = now;
  wall_ = wall;
  AuditReport report;
  report.live = true;
  report.exact = positions_known();
  report.at = wall;
  report.lines.reserve(files_.tails().size() + rows_.size());
  std::unordered_set<int64_t> told;
  for (const auto& [key, file] : files_.files()) {
    if (file.state != FollowedFile::State::kParked) {
      audit_open(file, report.lines);
      continue;
    }
    for (int64_t number : rows_.free_rows_of_inode(key.inode)) {
      if (!is_of(rows_.at(number), key, file.identity.birth_ns)) continue;
      told.insert(number);
      audit_row(number, AuditState::kParked, file.size,
                file.names.empty() ? file.path : file.names.front(), report.lines);
    }
  }
  for (const auto& [path, unopened] : unopened_) audit_waiting(path, unopened, told, report.lines);
  for (const auto& [number, rest] : rests_) {
    told.insert(number);
    audit_rest(rest, report.lines);
  }
  for (int64_t number : rows_.free_rows()) {
    if (!told.contains(number)) audit_left(number, report.lines);
  }
  return report;
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "flow/audit_lines.h"

#include <algorithm>

namespace sluice {

AuditLine line_of(const CheckpointRow& row) {
  AuditLine line;
  line.path = row.path;
  line.destination = row.destination;
  line.generation = row.epoch.value;
  line.identity = row.identity;
  line.offset = row.offset;
  line.at = row.updated;
  return line;
}

void fill_from_row(AuditLine& line, const CheckpointRow& row, Bytes size) {
  const Bytes offset = row.offset - FileOffset(0);
  line.skipped = row.ledger.begin - FileOffset(0);
  line.dropped = row.ledger.dropped;
  line.acked = offset - line.skipped - line.dropped;
  line.unread = std::max(size - offset, Bytes(0));
  line.size = offset + line.unread;
}

void fill_gone(AuditLine& line, const CheckpointRow& row) {
  fill_from_row(line, row, row.ledger.seen);
  line.missed[static_cast<size_t>(MissedReason::kDeleted)] = line.unread;
  line.unread = Bytes(0);
}

void append_past(std::vector<AuditLine>& lines, const AuditLine& line,
                 const std::vector<PastGeneration>& past) {
  for (auto each = past.rbegin(); each != past.rend(); ++each) {
    AuditLine made;
    made.path = line.path;
    made.source = line.source;
    made.destination = line.destination;
    made.identity = line.identity;
    made.state = AuditState::kPast;
    made.generation = each->epoch.value;
    made.generations = each->generations;
    made.at = each->ended;
    made.size = each->size;
    made.skipped = each->skipped;
    made.acked = each->acked;
    made.in_flight = each->in_flight();
    made.dropped = each->dropped;
    made.missed = each->missed;
    made.offset = FileOffset(0) + (each->size - each->in_flight() - sum_of(each->missed));
    lines.push_back(std::move(made));
  }
}

}  // namespace sluice

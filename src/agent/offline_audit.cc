// SPDX-License-Identifier: Apache-2.0
#include "agent/offline_audit.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "flow/audit_lines.h"
#include "flow/checkpoint/checkpoint_rows.h"
#include "flow/checkpoint/tail_ledger.h"
#include "flow/discover/catalogue.h"
#include "flow/discover/evidence.h"
#include "flow/steward.h"
#include "flow/steward_rests.h"
#include "flow/unpacking.h"
#include "platform/no_feed.h"

namespace sluice {
namespace {

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

bool may_be(const CheckpointRow& row, const FileStat& stat) {
  const FileIdentity& known = row.identity;
  return known.inode == stat.inode &&
         (known.birth_ns == 0 || stat.birth_ns == 0 || known.birth_ns == stat.birth_ns);
}

std::vector<PathRules> rules_of(const StewardSettings& settings) {
  std::vector<PathRules> rules;
  for (const StewardSource& source : settings.sources) rules.push_back(source.rules);
  return rules;
}

// An open file that is closed again.
class OpenFile {
 public:
  OpenFile(Disk& disk, const std::string& path) : disk_(disk), handle_(disk.open(path)) {}
  ~OpenFile() {
    if (handle_.ok()) disk_.close(*handle_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  const Result<FileHandle>& handle() const { return handle_; }

 private:
  Disk& disk_;
  Result<FileHandle> handle_;
};

class OfflineAudit {
 public:
  OfflineAudit(StewardSettings settings, StoredState stored, Disk& disk, WallTime now)
      : settings_(std::move(settings)),
        disk_(disk),
        catalogue_(disk, feed_, rules_of(settings_)),
        now_(now) {
    rows_.load(std::move(stored.rows));
    report_.at = now;
  }

  AuditReport make() {
    std::vector<CatalogueEvent> events;
    catalogue_.reconcile(events);
    // As at a start: files that rows speak of choose first.
    std::stable_partition(events.begin(), events.end(), [&](const CatalogueEvent& event) {
      return rows_.knows_inode(event.stat.inode);
    });
    for (const CatalogueEvent& event : events) {
      const bool appeared = event.kind == CatalogueEvent::Kind::kAppeared;
      if (appeared && seen_.insert(event.stat.inode).second) add_file(event.path, event.stat);
    }
    for (int64_t row : rows_.free_rows()) add_left(row);
    return std::move(report_);
  }

 private:
  void add_file(const std::string& path, const FileStat& stat) {
    const OpenFile file(disk_, path);
    std::set<DestinationId> served;
    for (SourceId source : catalogue_.wanted_by(path)) {
      for (DestinationId destination : settings_.sources[source.value].destinations) {
        if (!served.insert(destination).second) continue;
        add_tail(path, stat, file, source, destination);
      }
    }
  }

  void add_tail(const std::string& path, const FileStat& stat, const OpenFile& file,
                SourceId source, DestinationId destination) {
    AuditLine line;
    std::vector<PastGeneration> past;
    const std::string& name = settings_.destinations[destination.value].name;
    if (file.handle().ok()) {
      const auto read = read_head(disk_, *file.handle());
      const std::vector<std::byte> head = read.ok() ? *read : std::vector<std::byte>();
      const FileFacts facts{.stat = stat, .path = path, .head = head};
      const auto rows = rows_.related(name, stat.inode, path);
      const auto best = match(rows, facts, marker_reader(disk_, *file.handle()));
      const bool known = best && !rows_.attached(rows[best->row]->row);
      if (known) rows_.attach(rows[best->row]->row);
      const bool goes_on = best && (known || sluice::goes_on(best->kinship));
      if (goes_on) {
        fill_known(line, *rows[best->row], best->kinship, stat, past);
      } else {
        fill_new(line, file, source, stat);
      }
      line.identity = identify(stat, facts.head);
      line.state = AuditState::kStopped;
    } else {
      line.identity = identify(stat, {});
      fill_new(line, file, source, stat);
      line.state = AuditState::kUnreadable;
      line.error = file.handle().error().message();
    }
    line.path = path;
    line.source = settings_.sources[source.value].name;
    line.destination = name;
    report_.lines.push_back(line);
    append_past(report_.lines, line, past);
  }

  // What the next start would make of the row.
  void fill_known(AuditLine& line, CheckpointRow row, Kinship kinship, const FileStat& stat,
                  std::vector<PastGeneration>& past) const {
    settle_past(row.ledger);
    if (kinship == Kinship::kReplaced) {
      end_generation(row.ledger, row.epoch, row.offset, MissedReason::kReplaced, now_);
      row.epoch = Epoch(row.epoch.value + 1);
      row.offset = FileOffset(0);
    }
    line = line_of(row);
    fill_from_row(line, row, stat.size);
    past = row.ledger.past;
  }

  // No row: read from its beginning, or from its end if the source was never followed.
  void fill_new(AuditLine& line, const OpenFile& file, SourceId source, const FileStat& stat) {
    line.at = now_;
    line.size = line.unread = stat.size;
    const StewardSource& settings = settings_.sources[source.value];
    if (settings.from != StartFrom::kEnd || rows_.knows_source(settings.name)) return;
    if (!file.handle().ok()) return;
    const auto start = last_line_start(disk_, *file.handle(), stat.size);
    line.offset = start.ok() ? *start : FileOffset(stat.size.value);
    line.skipped = line.offset - FileOffset(0);
    line.unread = stat.size - line.skipped;
  }

  // A row whose file no pattern finds: renamed, gone, or not wanted any more.
  void add_left(int64_t number) {
    CheckpointRow row = rows_.at(number);
    settle_past(row.ledger);
    AuditLine line = line_of(row);
    const std::string source = source_of(row);
    line.source = source;
    const auto found = source.empty() ? std::nullopt : find_renamed(row);
    if (is_rest(row)) {  // of a truncated file: its copy is searched for at the next start
      line.state = AuditState::kPast;
      fill_from_row(line, row, row.ledger.seen);
    } else if (found) {
      line.state = AuditState::kRotated;
      line.present_name = found->first;
      fill_from_row(line, row, found->second);
    } else if (source.empty()) {
      line.state = AuditState::kUnconfigured;
      fill_from_row(line, row, row.ledger.seen);
    } else if (const auto archive = find_archive(row)) {
      line.state = AuditState::kRotated;
      line.present_name = *archive;
      fill_from_row(line, row, row.ledger.seen);
    } else {
      line.state = AuditState::kGone;
      fill_gone(line, row);
    }
    report_.lines.push_back(line);
    append_past(report_.lines, line, row.ledger.past);
  }

  std::string source_of(const CheckpointRow& row) const {
    for (SourceId source : catalogue_.wanted_by(row.path)) {
      for (DestinationId destination : settings_.sources[source.value].destinations) {
        if (settings_.destinations[destination.value].name == row.destination)
          return settings_.sources[source.value].name;
      }
    }
    return {};
  }

  // Its name and size, if the content proves that it is the file of the row.
  std::optional<std::pair<std::string, Bytes>> find_renamed(const CheckpointRow& row) {
    const std::string directory = directory_of(row.path);
    for (const auto& [path, stat] : listing_of(directory, row.identity.inode)) {
      if (!may_be(row, stat)) continue;
      const OpenFile file(disk_, path);
      if (!file.handle().ok()) return std::pair(path, stat.size);
      const auto head = read_head(disk_, *file.handle());
      if (!head.ok()) return std::pair(path, stat.size);
      const FileFacts facts{.stat = stat, .path = row.path, .head = *head};
      if (sluice::goes_on(judge(row, facts, marker_reader(disk_, *file.handle()))))
        return std::pair(path, stat.size);
    }
    return std::nullopt;
  }

  // An archive that the next start will look into: its content begins as the file did.
  std::optional<std::string> find_archive(const CheckpointRow& row) {
    if (row.gone || row.identity.head_bytes == 0) return std::nullopt;
    const std::string directory = directory_of(row.path);
    std::vector<DirectoryEntry> entries;
    (void)disk_.list(directory, entries);  // what cannot be listed holds no archive that we can see
    for (const DirectoryEntry& entry : entries) {
      if (entry.kind != FileKind::kRegular || !is_archive_name(entry.name)) continue;
      const std::string path = (directory == "/" ? "" : directory) + "/" + entry.name;
      const auto stat = disk_.stat(path);
      if (!stat.ok() || !may_hold(entry.name, *stat, row)) continue;
      const OpenFile file(disk_, path);
      if (!file.handle().ok()) continue;
      const auto head = read_packed_head(disk_, *file.handle());
      if (head.ok() && head_matches(row.identity, *head)) return path;
    }
    return std::nullopt;
  }

  using Named = std::vector<std::pair<std::string, FileStat>>;
  using Listing = std::unordered_map<uint64_t, Named>;  // by inode

  const Named& listing_of(const std::string& directory, uint64_t inode) {
    const auto [at, is_new] = listings_.try_emplace(directory);
    if (is_new) {
      std::vector<DirectoryEntry> entries;
      (void)disk_.list(directory, entries);  // what cannot be listed holds no file that we can see
      for (const DirectoryEntry& entry : entries) {
        const std::string path = (directory == "/" ? "" : directory) + "/" + entry.name;
        if (entry.kind != FileKind::kRegular || catalogue_.has_name(path)) continue;
        const auto stat = disk_.stat(path);
        if (stat.ok()) at->second[stat->inode].emplace_back(path, *stat);
      }
    }
    return at->second[inode];
  }

  const StewardSettings settings_;
  Disk& disk_;
  NoFeed feed_;
  Catalogue catalogue_;
  const WallTime now_;
  CheckpointRows rows_;
  std::unordered_set<uint64_t> seen_;  // inodes with a line already: a second name adds nothing
  std::map<std::string, Listing> listings_;
  AuditReport report_;
};

}  // namespace

AuditReport offline_audit(const AgentConfig& config, StoredState stored, Disk& disk, WallTime now) {
  auto settings = steward_settings(config, 1);
  SLUICE_CHECK(settings.ok(), "patterns were compiled by the check of the configuration");
  AuditReport report = OfflineAudit(std::move(*settings), std::move(stored), disk, now).make();
  report.state_dir = config.state_dir;
  return report;
}

}  // namespace sluice

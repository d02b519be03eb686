// SPDX-License-Identifier: Apache-2.0
#include "agent/spool.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/check.h"
#include "agent/store_flags.h"
#include "flow/compress/body_cutter.h"
#include "flow/compress/codecs.h"
#include "flow/spool/spool_log.h"
#include "platform/destination_file.h"
#include "platform/spool_files.h"

namespace sluice {
namespace {

constexpr int kExitGood = 0;
constexpr int kExitDamaged = 1;

constexpr const char* kHelp =
    R"(sluice spool shows what lies in the spool: lines that wait on disk for their destination.

  sluice spool list [flags]      how much of each destination
  sluice spool verify [flags]    reads all of it and says what is damaged
  sluice spool export [flags]    writes the records to stdout, one per line, as they would be sent
  sluice spool export -lines     writes the lines themselves instead

Examples
  sluice spool list -state /var/lib/sluice
  sluice spool verify -c /etc/sluice/sluice.yaml
  sluice spool export -destination archive | jq -r .path | sort | uniq -c

Flags
  -destination <name>
              only the spool of this destination
  All flags of `sluice run`, variables and files: give what the agent was started with. It may run
  meanwhile; nothing is changed.

Exit codes: 0 done, 1 something is damaged or cannot be read, 78 the flags or the configuration are
wrong.
)";

// Files that somebody else may be writing: looked at, never touched.
class LookOnly final : public SpoolDisk {
 public:
  LookOnly(std::string directory, std::string destination)
      : files_(std::move(directory), std::move(destination)) {}

  Result<std::vector<SpoolFile>> list() override { return files_.list(); }
  Result<size_t> read(uint32_t number, uint64_t offset, std::span<std::byte> into) override {
    return files_.read(number, offset, into);
  }
  Result<std::vector<std::byte>> notes(uint32_t number) override { return files_.notes(number); }
  Result<void> create(uint32_t, std::span<const std::byte>) override { return refused(); }
  Result<void> append(uint32_t, uint64_t, std::span<const std::byte>) override { return refused(); }
  void cut(uint32_t, uint64_t) override {}
  Result<void> note(uint32_t, std::span<const std::byte>, bool) override { return refused(); }
  Result<void> remove(uint32_t) override { return refused(); }
  Result<void> set_aside(uint32_t) override { return refused(); }

 private:
  static Result<void> refused() { return Error{Errc::kDenied, 0, "only looking"}; }

  SpoolFiles files_;
};

// One destination's spool as it is now.
class Look {
 public:
  Look(const std::string& directory, std::string destination)
      : name_(std::move(destination)), disk_(directory, name_), log_(SpoolSettings{}, disk_) {}

  Result<void> open() { return log_.open(WallTime(0)); }
  const std::string& name() const { return name_; }
  const SpoolLog& log() const { return log_; }

  // Every record that waits, the oldest first. Stops when `each` says no.
  Result<void> for_each(const std::function<bool(const Parcel&)>& each) {
    for (int failures = 0;;) {
      const Result<SpooledParcel> got = log_.fetch();
      if (!got && ++failures > kFailuresMax) return got.error();
      if (!got) continue;
      if (got->parcel == nullptr || !each(*got->parcel)) return {};
    }
  }

 private:
  static constexpr int kFailuresMax = 1'000;

  const std::string name_;
  LookOnly disk_;
  SpoolLog log_;
};

// Whose segments are there; and how many were set aside.
std::set<std::string> destinations_in(const std::string& directory, size_t& damaged) {
  std::set<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string file = entry.path().filename().string();
    if (file.ends_with(".damaged")) ++damaged;
    const auto name = destination_of_file(file, kSegmentEnding);
    if (name) names.insert(*name);
  }
  return names;
}

int list(Look& look) {
  const SpoolCounts counts = look.log().counts();
  fmt::print("{:>10} {:>10} {:>10} {:>14}  {}\n", look.log().segments().size(), counts.records,
             counts.lines, counts.bytes.value, look.name());
  return kExitGood;
}

int verify(Look& look) {
  int64_t records = 0;
  int64_t lines = 0;
  const Result<void> read = look.for_each([&](const Parcel& parcel) {
    ++records;
    lines += parcel.lines.value;
    return true;
  });
  const SpoolCounts counts = look.log().counts();
  fmt::print("{}: {} requests with {} lines are good, {} with {} lines are damaged or gone\n",
             look.name(), records, lines, counts.lost_records, counts.lost_lines);
  if (!read) note(look.name() + ": " + read.error().message());
  return read && counts.lost_records == 0 ? kExitGood : kExitDamaged;
}

void print(std::string_view record, bool only_line, simdjson::dom::parser& parser) {
  while (record.ends_with('\n')) record.remove_suffix(1);
  std::string_view text = record;
  if (only_line) {
    simdjson::dom::element root;
    const bool is_record =
        parser.parse(record.data(), record.size()).get(root) == simdjson::SUCCESS &&
        root["line"].get(text) == simdjson::SUCCESS;
    if (!is_record) text = record;
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
}

int export_all(Look& look, bool lines) {
  BodyCutter cutter(make_identity());
  simdjson::dom::parser parser;
  bool good = true;
  const Result<void> read = look.for_each([&](const Parcel& parcel) {
    const uint32_t count = parcel.records.size();
    const Result<CutBody> body =
        count == 0 ? Result<CutBody>(Error{Errc::kUnsupported, 0, "a body cannot be cut"})
                   : cutter.cut(parcel, {0, count});
    if (!body) {
      note(look.name() + ": " + body.error().message());
      good = false;
      return true;
    }
    const std::string_view text(reinterpret_cast<const char*>(body->bytes.get()), body->size);
    for (uint32_t i = 0; i < count; ++i) {
      const size_t begin = parcel.records.encoded_begin(i, parcel.frame);
      print(text.substr(begin, parcel.records.encoded_end(i) - begin), lines, parser);
    }
    return std::ferror(stdout) == 0;
  });
  if (!read) note(look.name() + ": " + read.error().message());
  good = good && read.ok() && look.log().counts().lost_records == 0;
  return std::fflush(stdout) == 0 && good ? kExitGood : kExitDamaged;
}

int look_at(Look& look, const StoreFlags& flags) {
  const Result<void> opened = look.open();
  if (!opened) {
    note(look.name() + ": " + opened.error().message());
    return kExitDamaged;
  }
  if (flags.verb == "list") return list(look);
  return flags.verb == "verify" ? verify(look) : export_all(look, flags.lines);
}

}  // namespace

int spool_main(std::span<char* const> args) {
  const StoreFlags flags = read_store_flags(args);
  if (flags.help) {
    std::fputs(kHelp, stdout);
    return kExitGood;
  }
  if (flags.verb != "list" && flags.verb != "verify" && flags.verb != "export") {
    note("sluice spool needs one of list, verify and export; see sluice spool --help");
    return kExitConfiguration;
  }
  const std::optional<AgentConfig> config = agent_configuration(flags.rest);
  if (!config) return kExitConfiguration;
  const std::string directory = config->state_dir + "/" + std::string(kSpoolDirectory);
  size_t damaged = 0;
  const std::set<std::string> names = destinations_in(directory, damaged);
  const bool shows = flags.verb != "export";
  if (shows && names.empty()) std::puts("nothing is spooled");
  if (flags.verb == "list" && !names.empty())
    fmt::print("{:>10} {:>10} {:>10} {:>14}  {}\n", "segments", "requests", "lines", "bytes",
               "destination");
  int worst = kExitGood;
  for (const std::string& name : names) {
    if (!flags.destination.empty() && flags.destination != name) continue;
    Look look(directory, name);
    worst = std::max(worst, look_at(look, flags));
  }
  if (shows && damaged > 0)
    fmt::print("{} damaged segments were set aside in {}\n", damaged, directory);
  return worst;
}

}  // namespace sluice

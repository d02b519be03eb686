// SPDX-License-Identifier: Apache-2.0
#include "journal.h"

#include <fmt/format.h>

#include <array>
#include <fstream>
#include <sstream>

#include "flow/discover/identity.h"

namespace sluice::sim {
namespace {

// Of the program that runs: other code makes other schedules.
Result<uint64_t> hash_of_program() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  if (!file) return Error::from_errno("read the program");
  const std::string text = std::move(bytes).str();
  return content_hash(std::as_bytes(std::span(text.data(), text.size())));
}

void read_traces(const std::string& path, std::vector<uint64_t>& traces) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, sizeof(uint64_t)> bytes{};
  while (file.read(bytes.data(), bytes.size())) {
    uint64_t trace = 0;
    std::memcpy(&trace, bytes.data(), sizeof trace);
    traces.push_back(trace);
  }
}

}  // namespace

Journal::~Journal() {
  if (lines_ != nullptr) std::fclose(lines_);
  if (traces_ != nullptr) std::fclose(traces_);
}

Result<void> Journal::open(const std::string& path, Totals& totals) {
  const Result<uint64_t> program = hash_of_program();
  if (!program) return program.error();
  const std::string title = fmt::format("sluice-sim campaign of program {:016x}", *program);
  std::ifstream before(path);
  std::string line;
  const bool is_new = !std::getline(before, line);
  if (!is_new && line != title)
    return Error{Errc::kInvalid, 0, "the journal is of another build; take another name"};
  // What has no end of line was cut.
  while (std::getline(before, line) && !before.eof()) read_line(line, totals);
  if (!is_new) read_traces(path + ".traces", totals.traces);
  lines_ = std::fopen(path.c_str(), "a");
  traces_ = std::fopen((path + ".traces").c_str(), is_new ? "w" : "a");
  if (lines_ == nullptr || traces_ == nullptr) return Error::from_errno("open the journal");
  if (is_new) std::fprintf(lines_, "%s\n", title.c_str());
  // Behind a line that was cut.
  if (!is_new && !line.empty() && before.eof()) std::fputc('\n', lines_);
  std::fflush(lines_);
  return {};
}

void Journal::read_line(const std::string& line, Totals& totals) {
  std::istringstream words(line);
  std::string kind;
  words >> kind;
  if (kind == "broken") {
    Trial trial;
    trial.good = false;
    words >> trial.seed >> trial.step;
    std::getline(words.ignore(1), trial.invariant, ':');
    std::getline(words.ignore(1), trial.what);
    totals.broken.push_back(std::move(trial));
    return;
  }
  uint64_t first = 0;
  double cpu_s = 0;
  Tally tally;
  words >> first >> tally.schedules >> tally.twice >> tally.steps >> tally.simulated_s >> cpu_s;
  for (int64_t& count : tally.rare) words >> count;
  if (kind != "chunk" || !words || !done_.insert(first).second) return;
  totals.tally.add(tally);
  totals.resumed += tally.schedules;
  totals.cpu_s += cpu_s;
}

void Journal::chunk_done(uint64_t first_seed, const Tally& tally, double cpu_s,
                         std::span<const uint64_t> traces) {
  if (lines_ == nullptr) return;
  std::fwrite(traces.data(), sizeof(uint64_t), traces.size(), traces_);
  std::fflush(traces_);
  std::string line = fmt::format("chunk {} {} {} {} {} {:.3f}", first_seed, tally.schedules,
                                 tally.twice, tally.steps, tally.simulated_s, cpu_s);
  for (const int64_t count : tally.rare) line += fmt::format(" {}", count);
  std::fprintf(lines_, "%s\n", line.c_str());
  std::fflush(lines_);
}

void Journal::promise_broken(const Trial& trial) {
  if (lines_ == nullptr) return;
  const std::string what = trial.what.substr(0, trial.what.find('\n'));
  std::fprintf(lines_, "broken %lu %ld %s: %s\n", static_cast<unsigned long>(trial.seed),
               static_cast<long>(trial.step), trial.invariant.c_str(), what.c_str());
  std::fflush(lines_);
}

}  // namespace sluice::sim

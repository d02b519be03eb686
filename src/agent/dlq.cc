// SPDX-License-Identifier: Apache-2.0
#include "agent/dlq.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/check.h"
#include "agent/dead_letter_box.h"
#include "agent/dead_letter_sender.h"
#include "agent/store_flags.h"
#include "platform/dead_letter_text.h"
#include "platform/instance_lock.h"
#include "platform/store_copy.h"

namespace sluice {
namespace {

constexpr int kExitGood = 0;
constexpr int kExitRefused = 1;
constexpr int kExitNoAnswer = 3;

constexpr const char* kHelp =
    R"(sluice dlq shows and replays dead letters: lines that a destination refused while it took others.

  sluice dlq list [flags]      how many, of which files and why
  sluice dlq show [flags]      the letters: one JSON object per line, with the record as it was sent
  sluice dlq replay [flags]    sends each again; what is taken is noted, then removed
  sluice dlq replay -lines     writes the lines to stdout instead; nothing is noted or removed

Examples
  sluice dlq list -state /var/lib/sluice
  sluice dlq show -c /etc/sluice/sluice.yaml | jq -r .record.line
  sluice dlq replay -c /etc/sluice/sluice.yaml -destination archive

Flags
  -destination <name>
              only the letters of this destination
  All flags of `sluice run`, variables and files: give what the agent was started with. It may run
  meanwhile.

Exit codes: 0 done, 1 some letters are still refused or could not be noted, 3 a destination does not
answer, 78 the flags or the configuration are wrong.
)";

struct Opened {
  std::string file;
  std::vector<FiledLetter> letters;
};

// All that are not replayed; nothing, and why was said.
std::optional<std::vector<Opened>> open_all(const DeadLetterBox& box, const StoreFlags& flags) {
  const auto files = box.files();
  if (!files) {
    note(files.error().message());
    return std::nullopt;
  }
  std::vector<Opened> all;
  std::set<std::string> seen;
  for (const std::string& file : *files) {
    auto letters = box.open_letters(file, seen);
    if (!letters) {
      note(letters.error().message());
      return std::nullopt;
    }
    std::vector<FiledLetter> wanted = std::move(letters).value();
    std::erase_if(wanted, [&](const FiledLetter& letter) {
      return !flags.destination.empty() && letter.destination != flags.destination;
    });
    all.push_back({file, std::move(wanted)});
  }
  return all;
}

int list(const std::vector<Opened>& all) {
  struct Row {
    int64_t count = 0;
    std::string first, last;
  };
  std::map<std::tuple<std::string, std::string, std::string>, Row> rows;
  int64_t count = 0;
  for (const Opened& opened : all) {
    for (const FiledLetter& letter : opened.letters) {
      const std::string why = fmt::format("{} ({})", letter.reason, letter.status);
      Row& row = rows[{letter.destination, why, letter.path}];
      if (row.count++ == 0) row.first = letter.time;
      row.first = std::min(row.first, letter.time);
      row.last = std::max(row.last, letter.time);
      ++count;
    }
  }
  if (count == 0) {
    std::puts("no dead letters");
    return kExitGood;
  }
  fmt::print("{:>8}  {:<16} {:<16} {:<25} {:<25} {}\n", "letters", "destination", "reason", "first",
             "last", "path");
  for (const auto& [key, row] : rows) {
    fmt::print("{:>8}  {:<16} {:<16} {:<25} {:<25} {}\n", row.count, std::get<0>(key),
               std::get<1>(key), row.first, row.last, std::get<2>(key));
  }
  return kExitGood;
}

int show(const std::vector<Opened>& all, bool lines) {
  for (const Opened& opened : all) {
    for (const FiledLetter& letter : opened.letters) {
      const std::string& text = lines ? letter.text : letter.line;
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::fputc('\n', stdout);
    }
  }
  return std::fflush(stdout) == 0 ? kExitGood : kExitRefused;
}

// Sends everything once.
class Replay {
 public:
  Replay(const AgentConfig& config, const DeadLetterBox& box) : config_(config), box_(box) {}

  int run(const std::vector<Opened>& all) {
    for (const Opened& opened : all) {
      for (const FiledLetter& letter : opened.letters) {
        const int ended = replay(opened.file, letter);
        if (ended != kExitGood) return ended;
      }
    }
    fmt::print("{} replayed, {} still refused\n", taken_, refused_);
    return remove_done(all) && refused_ == 0 ? kExitGood : kExitRefused;
  }

 private:
  DeadLetterSender* sender_for(const std::string& name) {
    const auto known = senders_.find(name);
    if (known != senders_.end()) return known->second.get();
    const auto destination =
        std::find_if(config_.destinations.begin(), config_.destinations.end(),
                     [&](const DestinationConfig& each) { return each.name == name; });
    if (destination == config_.destinations.end()) {
      note(
          fmt::format("the configuration has no destination '{}'; give the agent's, or choose "
                      "others with -destination",
                      name));
      return nullptr;
    }
    std::string problem;
    auto sender = DeadLetterSender::create(*destination, problem);
    if (sender == nullptr) note(problem);
    return senders_.emplace(name, std::move(sender)).first->second.get();
  }

  int replay(const std::string& file, const FiledLetter& letter) {
    DeadLetterSender* const sender = sender_for(letter.destination);
    if (sender == nullptr) return kExitConfiguration;
    const DeadLetterSender::Answer answer = sender->send(letter);
    if (answer.verdict.delivered()) {
      const Result<void> noted = box_.note_replayed(file, letter.id);
      if (!noted) note("a letter was taken, but " + noted.error().message());
      if (!noted) return kExitRefused;
      ++taken_;
      return kExitGood;
    }
    note(fmt::format("{} at {}: {}", letter.path, letter.offset, answer.words));
    const bool about_it = answer.verdict.subject == Verdict::Subject::kParcel;
    if (!about_it) {
      note(std::string(answer.verdict.remedy) + "; run it again then, nothing is lost");
      return kExitNoAnswer;
    }
    ++refused_;
    return kExitGood;
  }

  // The newest file of each destination is the agent's, as long as one runs.
  bool remove_done(const std::vector<Opened>& all) {
    const bool agent_runs = state_directory_in_use(config_.state_dir);
    bool good = true;
    for (size_t i = 0; i < all.size(); ++i) {
      const auto stem = [&](size_t at) { return all[at].file.substr(0, all[at].file.find('.')); };
      const bool newest = i + 1 == all.size() || stem(i + 1) != stem(i);
      if (agent_runs && newest) continue;
      const auto removed = box_.remove_if_done(all[i].file);
      if (!removed) note(removed.error().message());
      good = good && removed.ok();
    }
    return good;
  }

  const AgentConfig& config_;
  const DeadLetterBox& box_;
  std::map<std::string, std::unique_ptr<DeadLetterSender>> senders_;
  int64_t taken_ = 0;
  int64_t refused_ = 0;
};

// One at a time: two would send everything twice. Held until the process ends.
bool lock_replay(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) == 0;
}

}  // namespace

int dlq_main(std::span<char* const> args) {
  const StoreFlags flags = read_store_flags(args);
  const bool known = flags.verb == "list" || flags.verb == "show" || flags.verb == "replay";
  if (flags.help) {
    std::fputs(kHelp, stdout);
    return kExitGood;
  }
  if (!known) {
    note("sluice dlq needs one of list, show and replay; see sluice dlq --help");
    return kExitConfiguration;
  }
  const std::optional<AgentConfig> config = agent_configuration(flags.rest);
  if (!config) return kExitConfiguration;
  const std::string directory = config->state_dir + "/" + std::string(kDeadLetterDirectory);
  const DeadLetterBox box(directory);
  const bool sends = flags.verb == "replay" && !flags.lines;
  if (sends && ::access(directory.c_str(), F_OK) == 0 && !lock_replay(directory)) {
    note("another `sluice dlq replay` is at work here");
    return kExitRefused;
  }
  const auto all = open_all(box, flags);
  if (!all) return kExitRefused;
  if (flags.verb == "list") return list(*all);
  if (!sends) return show(*all, flags.lines);
  return Replay(*config, box).run(*all);
}

}  // namespace sluice

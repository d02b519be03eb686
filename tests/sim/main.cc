// SPDX-License-Identifier: Apache-2.0
// sluice-sim — the simulated world on the command line.
//
//   sluice-sim SEED                       one schedule, told step by step
//   sluice-sim SEED --shrink              the shortest trace of the promise that it breaks
//   sluice-sim --campaign N [--from SEED] N schedules; the first broken promise ends it
//     --jobs J                              in so many processes
//     --keep-going                          lists all seeds that break a promise
//     --journal FILE                        goes on where a campaign with this journal was ended
//   sluice-sim --planted [--schedules N]  every planted bug must be found (its own build)
//   --bug NAME                            with any of these: with this planted bug
//
// Exit: 0 all promises held, 1 one was broken or a planted bug not found, 2 the command line is
// wrong.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>

#include "campaign.h"

namespace sluice::sim {
namespace {

constexpr uint64_t kJobsMax = 64;

struct Wishes {
  std::optional<uint64_t> seed;
  Wanted campaign;
  uint64_t schedules = 50'000;
  bool shrink = false;
  bool planted = false;
  Planted bug = Planted::kNothing;
};

int usage() {
  std::fprintf(
      stderr,
      "usage: sluice-sim SEED [--shrink] | --campaign N [--from SEED] [--jobs J] [--keep-going]"
      " [--journal FILE]\n       | --planted [--schedules N]\n       --bug NAME\n");
  return 2;
}

bool parse(std::string_view text, uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_bug(std::string_view text, Planted& bug) {
  for (size_t i = 1; i < kPlantedNames.size(); ++i) {
    if (text == kPlantedNames[i]) bug = static_cast<Planted>(i);
  }
  return bug != Planted::kNothing;
}

bool parse_wishes(int argc, char** argv, Wishes& wishes) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    uint64_t number = 0;
    if (word == "--shrink") {
      wishes.shrink = true;
    } else if (word == "--planted") {
      wishes.planted = true;
    } else if (word == "--keep-going") {
      wishes.campaign.keep_going = true;
    } else if (parse(word, number)) {
      wishes.seed = number;
    } else if (i + 1 == argc) {
      return false;
    } else if (word == "--bug") {
      if (!parse_bug(argv[++i], wishes.bug)) return false;
    } else if (word == "--journal") {
      wishes.campaign.journal = argv[++i];
    } else if (!parse(argv[++i], number) || number == 0) {
      return false;
    } else if (word == "--campaign") {
      wishes.campaign.count = number;
    } else if (word == "--from") {
      wishes.campaign.from = number;
    } else if (word == "--jobs") {
      wishes.campaign.jobs = std::min<uint64_t>(number, kJobsMax);
    } else if (word == "--schedules") {
      wishes.schedules = number;
    } else {
      return false;
    }
  }
  return int{wishes.seed.has_value()} + int{wishes.campaign.count > 0} + int{wishes.planted} == 1;
}

int run(int argc, char** argv) {
  Wishes wishes;
  if (!parse_wishes(argc, argv, wishes)) return usage();
  if (wishes.planted) return run_planted(wishes.bug, wishes.schedules);
#ifdef SLUICE_PLANTED_BUGS
  g_planted = wishes.bug;
#else
  if (wishes.bug != Planted::kNothing) return run_planted(wishes.bug, 0);  // says why not
#endif
  if (wishes.campaign.count > 0) return run_campaign(wishes.campaign);
  return wishes.shrink ? tell_shortest(*wishes.seed) : tell(*wishes.seed);
}

}  // namespace
}  // namespace sluice::sim

int main(int argc, char** argv) {
  return sluice::sim::run(argc, argv);
}

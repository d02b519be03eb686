// SPDX-License-Identifier: Apache-2.0
#include "measure/tune_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "control/config_endpoint.h"
#include "measure/raw_loop.h"

namespace sluice {
namespace {

// About twenty candidates in five rounds.
constexpr double kTrialsWanted = 100;
// Fork, start, first connection, end.
constexpr double kOverheadSeconds = 0.1;
constexpr double kWindowSecondsMin = 0.15;
constexpr double kWindowSecondsMax = 2;
// A service answers after a round trip, and its window has to open.
constexpr double kRealWindowSecondsMin = 1;
// No core reads and encodes more.
constexpr double kBytesPerCpuSecond = 1e9;
constexpr uint64_t kLogBytesMin = uint64_t{16} << 20;

class TuneRun {
 public:
  TuneRun(TuneSubject subject, Interrupt& interrupt,
          const std::function<void(const std::string&, double)>& progress)
      : subject_(std::move(subject)), interrupt_(interrupt), progress_(progress) {}

  // Empty, or why it ended.
  std::string run() {
    begin_ = seconds_of_wall();
    figures_.before = subject_.now;
    TuneSettings now = subject_.now;
    for (const TuneFlag flag : kTuneFlags) {
      TuneStep step;
      step.flag = flag;
      const double share =
          left() / static_cast<double>(std::size(kTuneFlags) - figures_.steps.size());
      const std::string problem = run_step(step, now, share);
      if (!problem.empty()) return problem;
      if (!step.candidates.empty()) {
        step.choice = choose(subject_.bounds.goal, flag, step.candidates, step.control);
        now = step.chosen().settings;
      }
      figures_.steps.push_back(std::move(step));
    }
    figures_.after = now;
    return {};
  }

  TuneFigures figures() {
    figures_.log = subject_.trial.log.what;
    figures_.warning = subject_.trial.log.warning;
    figures_.destination =
        subject_.trial.real ? endpoints_for_show(subject_.trial.endpoints) : "null destination";
    figures_.cpus = subject_.bounds.cpus;
    figures_.goal = subject_.bounds.goal;
    figures_.window_seconds = subject_.trial.window_seconds;
    figures_.seconds = seconds_of_wall() - begin_;
    return std::move(figures_);
  }

 private:
  double left() const { return subject_.seconds - (seconds_of_wall() - begin_); }

  std::string run_step(TuneStep& step, const TuneSettings& now, double share) {
    for (const TuneSettings& settings : tune_candidates(step.flag, now, subject_.bounds))
      step.candidates.push_back({settings, {}});
    const double step_begin = seconds_of_wall();
    const auto trials = static_cast<double>(step.candidates.size() + 1);
    double round_seconds = trial_seconds_ * trials;
    // A step of one candidate has nothing to compare.
    while (step.candidates.size() > 1) {
      const double used = seconds_of_wall() - step_begin;
      const bool first = step.candidates.front().rounds.empty();
      // The first round may take from the time of later steps, but not more than there is.
      if (used + round_seconds > (first ? left() : share)) break;
      std::string problem = run_round(step);
      if (!problem.empty()) return problem;
      const auto rounds = static_cast<double>(step.candidates.front().rounds.size());
      round_seconds = (seconds_of_wall() - step_begin) / rounds;
      trial_seconds_ = round_seconds / trials;
    }
    if (step.candidates.front().rounds.empty()) step.candidates.clear();
    return {};
  }

  std::string run_round(TuneStep& step) {
    for (TuneCandidate& candidate : step.candidates) {
      std::string problem = run_one(step.flag, candidate.settings, candidate.rounds);
      if (!problem.empty()) return problem;
    }
    return run_one(step.flag, step.candidates.front().settings, step.control);
  }

  std::string run_one(TuneFlag flag, const TuneSettings& settings,
                      std::vector<TrialFigures>& rounds) {
    progress_(
        fmt::format("-{} {}, round {}", name_of(flag), value_of(flag, settings), rounds.size() + 1),
        std::clamp(1 - left() / subject_.seconds, 0.0, 1.0));
    auto ran = run_trial(subject_.trial, settings, interrupt_);
    // Once more: the port of the first may have been taken by somebody else.
    if (std::holds_alternative<std::string>(ran) && !interrupt_.came())
      ran = run_trial(subject_.trial, settings, interrupt_);
    if (const auto* problem = std::get_if<std::string>(&ran)) return *problem;
    rounds.push_back(std::get<TrialFigures>(ran));
    ++figures_.trials;
    return {};
  }

  const TuneSubject subject_;
  Interrupt& interrupt_;
  const std::function<void(const std::string&, double)>& progress_;
  double begin_ = 0;
  double trial_seconds_ = 0;  // as the last round had it
  TuneFigures figures_;
};

}  // namespace

double trial_window(double seconds, bool real_destination) {
  return std::clamp(seconds / kTrialsWanted - kOverheadSeconds,
                    real_destination ? kRealWindowSecondsMin : kWindowSecondsMin,
                    kWindowSecondsMax);
}

uint64_t trial_log_bytes(double window_seconds, int32_t cpus, uint64_t bytes_max) {
  const double wanted = window_seconds * kBytesPerCpuSecond * static_cast<double>(cpus);
  return std::min(bytes_max, std::max(kLogBytesMin, static_cast<uint64_t>(wanted)));
}

std::variant<TuneFigures, std::string> run_tune(
    TuneSubject subject, Interrupt& interrupt,
    const std::function<void(const std::string&, double)>& progress) {
  TuneRun run(std::move(subject), interrupt, progress);
  std::string problem = run.run();
  if (!problem.empty()) return problem;
  return run.figures();
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// tune_run.h — tries flags one after the other on whole agents, within a bounded time.
//
// In:      what a trial needs, the goal, the time.
// Out:     TuneFigures: every step with its candidates, rounds and choice.
// Owns:    the trials, one at a time.
// Thread:  one.
// Limits:  `seconds`: each flag gets its share of what is left; a flag that nothing is left for is
//          named as not tried. The candidates of a flag take turns in every round; the first one
//          is measured again at its end, which tells how noisy the host is.
// Fails:   with a sentence when a trial failed twice.
// Why so:  what is compared was measured within seconds of each other, so that a neighbour that
//          begins to compile hits all candidates and not the last one.
#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "measure/trial.h"
#include "measure/tune_choice.h"

namespace sluice {

struct TuneSubject {
  TrialSubject trial;
  TuneSettings now;
  TuneBounds bounds;
  double seconds = 120;
};

struct TuneStep {
  TuneFlag flag = TuneFlag::kLevel;
  std::vector<TuneCandidate> candidates;  // empty: not tried, no time was left
  std::vector<TrialFigures> control;      // the first candidate again, at the end of each round
  TuneChoice choice;

  const TuneCandidate& chosen() const { return candidates[choice.chosen]; }
};

struct TuneFigures {
  std::string log;
  std::string warning;
  std::string destination;
  int32_t cpus = 1;
  TuneGoal goal = TuneGoal::kSpeed;
  size_t trials = 0;
  double window_seconds = 0;
  double seconds = 0;
  std::vector<TuneStep> steps;
  TuneSettings before;
  TuneSettings after;
};

// How long a trial measures, so that all candidates come to several rounds in `seconds`.
double trial_window(double seconds, bool real_destination);
// Bytes of log that the fastest host reads in a trial, at most `bytes_max`.
uint64_t trial_log_bytes(double window_seconds, int32_t cpus, uint64_t bytes_max);

// `progress` gets a line for people and how far it is, from 0 to 1.
std::variant<TuneFigures, std::string> run_tune(
    TuneSubject subject, Interrupt& interrupt,
    const std::function<void(const std::string&, double)>& progress);

}  // namespace sluice

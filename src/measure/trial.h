// SPDX-License-Identifier: Apache-2.0
// trial.h — one whole agent, for a moment, with one set of flags.
//
// In:      a configuration to start from, the flags to try, a log, a destination.
// Out:     MB/s of acknowledged raw log, CPU seconds per GB, wire bytes, peak resident set.
// Owns:    the agent's process and its state directory, which is gone afterwards.
// Thread:  one; waits for the time of the trial.
// Limits:  measured from the first acknowledgements for `window` seconds or to the end of the log,
//          whichever comes first; the agent is then killed, for nobody needs what it still holds. A
//          service is spared that: there the agent may finish its requests, for a second.
// Fails:   with a sentence: the agent did not start, or the destination took nothing.
// Why so:  everything that an agent costs is in it: threads, checkpoints, the answers of the
//          destination. Its own admin port says how far it is, eight times per trial, which costs
//          it about a hundredth.
#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "measure/child.h"
#include "measure/sample_log.h"
#include "measure/tune_choice.h"
#include "sluice/config.h"

namespace sluice {

struct TrialSubject {
  AgentConfig config;  // of which the first source and destination count
  SampleLog log;
  bool sampled = false;                // the user's own lines, in the format of the source
  std::vector<std::string> endpoints;  // where to
  bool real = false;                   // that is a service, and not the null destination
  std::string directory;               // for state and messages
  double window_seconds = 1;
  // Runs an agent in this process until it ends; the exit code.
  std::function<int(const AgentConfig&)> run_agent;
};

// What the agent of a trial is started with.
AgentConfig trial_config(const TrialSubject& subject, const TuneSettings& settings,
                         const std::string& state_dir, uint16_t admin_port);

std::variant<TrialFigures, std::string> run_trial(const TrialSubject& subject,
                                                  const TuneSettings& settings,
                                                  Interrupt& interrupt);

// The sum of a metric over its labels; 0 without it. For pages of /metrics.
double metric_sum(std::string_view page, std::string_view name);

}  // namespace sluice

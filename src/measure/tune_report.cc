// SPDX-License-Identifier: Apache-2.0
#include "measure/tune_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/json_text.h"
#include "measure/text_table.h"

namespace sluice {
namespace {

// From here on a reader should know.
constexpr double kNoisy = 0.15;

double noise_of(const TuneFigures& figures) {
  double most = 0;
  for (const TuneStep& step : figures.steps) most = std::max(most, step.choice.margin);
  return most;
}

std::string quoted(const std::string& text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string key_of(TuneFlag flag) {
  std::string key(name_of(flag));
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

std::string times(const Spread& ratio) {
  return fmt::format("{:.2f}", ratio.median);
}

std::string step_text(const TuneStep& step) {
  if (step.candidates.empty())
    return fmt::format("\n-{}: not tried; give it more -seconds\n", name_of(step.flag));
  TextTable table({"", fmt::format("-{}", name_of(step.flag)), "raw MB/s", "times", "CPU s per GB",
                   "times", "wire per raw", "peak RSS MiB"});
  for (size_t i = 0; i < step.candidates.size(); ++i) {
    const TuneCandidate& candidate = step.candidates[i];
    const TuneScore score = score_of(candidate, step.candidates.front());
    table.add({i == step.choice.chosen ? "*" : "", value_of(step.flag, candidate.settings),
               fmt::format("{:.0f}", score.median.mb_per_s), i == 0 ? "now" : times(score.speed),
               fmt::format("{:.2f}", score.median.cpu_s_per_gb), i == 0 ? "now" : times(score.cpu),
               fmt::format("{:.3f}", score.median.wire_per_raw),
               fmt::format("{:.1f}", score.median.rss_mib)});
  }
  return fmt::format("\n{}  -{} {}: {}\n", table.text(), name_of(step.flag),
                     value_of(step.flag, step.chosen().settings), step.choice.why);
}

std::string candidate_json(const TuneStep& step, size_t index) {
  const TuneCandidate& candidate = step.candidates[index];
  const TuneScore score = score_of(candidate, step.candidates.front());
  return fmt::format(
      "{{\"value\":{},\"chosen\":{},\"raw_mb_per_second\":{:.2f},\"cpu_seconds_per_raw_gb\":{:.4f},"
      "\"wire_per_raw\":{:.4f},\"rss_mib\":{:.2f},\"speed_ratio\":{:.4f},\"cpu_ratio\":{:.4f},"
      "\"wire_ratio\":{:.4f}}}",
      quoted(value_of(step.flag, candidate.settings)), index == step.choice.chosen,
      score.median.mb_per_s, score.median.cpu_s_per_gb, score.median.wire_per_raw,
      score.median.rss_mib, score.speed.median, score.cpu.median, score.wire.median);
}

std::string step_json(const TuneStep& step) {
  std::string out =
      fmt::format("{{\"flag\":{},\"rounds\":{},\"margin\":{:.4f},\"why\":{},\"candidates\":[",
                  quoted(std::string(name_of(step.flag))),
                  step.candidates.empty() ? 0 : step.candidates.front().rounds.size(),
                  step.choice.margin, quoted(step.choice.why));
  for (size_t i = 0; i < step.candidates.size(); ++i)
    out += (i == 0 ? "\n      " : ",\n      ") + candidate_json(step, i);
  return out + "]}";
}

// Calls `use` with each flag that was tried.
template <class Use>
void for_each_tried(const TuneFigures& figures, Use use) {
  for (const TuneStep& step : figures.steps)
    if (!step.candidates.empty()) use(step.flag);
}

}  // namespace

std::string recommended_flags(const TuneFigures& figures) {
  std::string flags;
  for_each_tried(figures, [&](TuneFlag flag) {
    flags += fmt::format("{}-{} {}", flags.empty() ? "" : " ", name_of(flag),
                         value_of(flag, figures.after));
  });
  return flags;
}

std::string recommended_yaml(const TuneFigures& figures) {
  std::string yaml;
  for_each_tried(figures, [&](TuneFlag flag) {
    yaml += fmt::format("{}: {}\n", key_of(flag), value_of(flag, figures.after));
  });
  return yaml;
}

std::string tune_text(const TuneFigures& figures) {
  std::string out = fmt::format(
      "sluice tune: {} agents of {:.2f} s each in {:.0f} s; {}, {}, {} usable {}; best {}\n",
      figures.trials, figures.window_seconds, figures.seconds, figures.log, figures.destination,
      figures.cpus, figures.cpus == 1 ? "CPU" : "CPUs", word_of(figures.goal));
  if (!figures.warning.empty()) out += "note: " + figures.warning + "\n";
  if (const double noise = noise_of(figures); noise > kNoisy)
    out += fmt::format(
        "note: this host was busy: the same flags differed from themselves by up to {:.0f} %\n",
        noise * 100);
  for (const TuneStep& step : figures.steps) out += step_text(step);
  if (recommended_flags(figures).empty())
    return out + "\nNothing was tried, so nothing is recommended.\n";
  if (!(figures.before == figures.after)) {
    out += "\nRecommended on this host:\n";
  } else if (noise_of(figures) > kNoisy) {
    out += "\nNo change is recommended. What is set now:\n";
  } else {
    out += "\nWhat is set now is right for this host:\n";
  }
  out += "  " + recommended_flags(figures) + "\n\nThe same in a configuration file:\n";
  const std::string yaml = recommended_yaml(figures);
  for (size_t begin = 0; begin < yaml.size();) {
    const size_t end = yaml.find('\n', begin) + 1;
    out += "  " + yaml.substr(begin, end - begin);
    begin = end;
  }
  return out;
}

std::string tune_json(const TuneFigures& figures) {
  std::string out = fmt::format(
      "{{\n  \"version\": {},\n  \"log\": {},\n  \"destination\": {},\n  \"cpus\": {},\n"
      "  \"prefer\": {},\n  \"trials\": {},\n  \"window_seconds\": {:.3f},\n  \"seconds\": "
      "{:.2f},\n"
      "  \"steps\": [",
      quoted(SLUICE_VERSION), quoted(figures.log), quoted(figures.destination), figures.cpus,
      quoted(std::string(word_of(figures.goal))), figures.trials, figures.window_seconds,
      figures.seconds);
  for (size_t i = 0; i < figures.steps.size(); ++i)
    out += (i == 0 ? "\n    " : ",\n    ") + step_json(figures.steps[i]);
  out += fmt::format("],\n  \"changed\": {},\n  \"flags\": {},\n  \"yaml\": {}\n}}\n",
                     !(figures.before == figures.after), quoted(recommended_flags(figures)),
                     quoted(recommended_yaml(figures)));
  return out;
}

}  // namespace sluice

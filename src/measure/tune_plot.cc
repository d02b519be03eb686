// SPDX-License-Identifier: Apache-2.0
#include "measure/tune_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>

namespace sluice {
namespace {

constexpr int kWidth = 920;
constexpr int kMargin = 20;
constexpr int kHead = 56;
constexpr int kRow = 22;
constexpr int kBar = 14;
constexpr int kPanelHead = 44;
constexpr int kLabel = 84;
constexpr int kColumn = (kWidth - 2 * kMargin - kLabel) / 4;
constexpr int kBarMax = kColumn - 74;  // leaves room for the number

struct Measure {
  const char* title;
  double TrialFigures::*value;
  int digits;
};
constexpr std::array<Measure, 4> kMeasures = {
    {{"raw MB/s", &TrialFigures::mb_per_s, 0},
     {"CPU s per GB", &TrialFigures::cpu_s_per_gb, 2},
     {"wire per raw byte", &TrialFigures::wire_per_raw, 3},
     {"peak RSS, MiB", &TrialFigures::rss_mib, 1}}};

std::string escaped(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    switch (letter) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      default:
        out += letter;
    }
  }
  return out;
}

void add_text(std::string& out, int x, int y, std::string_view kind, std::string_view text) {
  fmt::format_to(std::back_inserter(out), "<text x=\"{}\" y=\"{}\" class=\"{}\">{}</text>\n", x, y,
                 kind, escaped(text));
}

void add_measure(std::string& out, const TuneStep& step, const Measure& measure, int x, int top) {
  add_text(out, x, top + kPanelHead - 8, "small", measure.title);
  std::vector<double> values;
  for (const TuneCandidate& candidate : step.candidates)
    values.push_back(score_of(candidate, step.candidates.front()).median.*measure.value);
  const double most = std::max(1e-12, *std::max_element(values.begin(), values.end()));
  for (size_t i = 0; i < values.size(); ++i) {
    const int y = top + kPanelHead + static_cast<int>(i) * kRow;
    const int length = std::max(1, static_cast<int>(kBarMax * values[i] / most));
    fmt::format_to(std::back_inserter(out),
                   "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" class=\"{}\"/>\n", x, y,
                   length, kBar, i == step.choice.chosen ? "chosen" : "other");
    add_text(out, x + length + 5, y + kBar - 2, "small",
             fmt::format("{:.{}f}", values[i], measure.digits));
  }
}

int height_of(const TuneStep& step) {
  return kPanelHead + static_cast<int>(step.candidates.size()) * kRow + 18;
}

void add_panel(std::string& out, const TuneStep& step, int top) {
  add_text(out, kMargin, top + 20, "flag", fmt::format("-{}", name_of(step.flag)));
  for (size_t i = 0; i < step.candidates.size(); ++i)
    add_text(out, kMargin, top + kPanelHead + static_cast<int>(i) * kRow + kBar - 2, "label",
             value_of(step.flag, step.candidates[i].settings) + (i == 0 ? " (now)" : ""));
  for (size_t i = 0; i < kMeasures.size(); ++i)
    add_measure(out, step, kMeasures[i], kMargin + kLabel + 8 + static_cast<int>(i) * kColumn, top);
}

}  // namespace

std::string tune_svg(const TuneFigures& figures) {
  int height = kHead + kMargin;
  for (const TuneStep& step : figures.steps)
    if (!step.candidates.empty()) height += height_of(step);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
      "viewBox=\"0 0 {0} {1}\" font-family=\"sans-serif\">\n"
      "<style>.flag{{font-size:15px;font-weight:bold}}.label{{font-size:12px}}"
      ".small{{font-size:11px;fill:#444}}.chosen{{fill:#1b7f5c}}.other{{fill:#b8c4cc}}</style>\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n",
      kWidth, height);
  add_text(out, kMargin, 24, "flag", "sluice tune");
  add_text(out, kMargin, 44, "small",
           fmt::format("{}, {}, {} CPUs, best {}; medians; recommended in colour", figures.log,
                       figures.destination, figures.cpus, word_of(figures.goal)));
  int top = kHead;
  for (const TuneStep& step : figures.steps) {
    if (step.candidates.empty()) continue;
    add_panel(out, step, top);
    top += height_of(step);
  }
  return out + "</svg>\n";
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "control/config_problem.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace sluice {

void ProblemList::add(const Place& place, ProblemSeverity severity, std::string message) {
  if (problems_.size() >= kProblemsMax) return;
  ConfigProblem problem{place.origin, place.line, place.column, severity, std::move(message)};
  if (std::find(problems_.begin(), problems_.end(), problem) == problems_.end())
    problems_.push_back(std::move(problem));
}

bool ProblemList::has_errors() const {
  return std::any_of(problems_.begin(), problems_.end(), [](const ConfigProblem& problem) {
    return problem.severity == ProblemSeverity::kError;
  });
}

std::vector<ConfigProblem> ProblemList::sorted() && {
  // Stable: what stands at one place keeps the order in which it was found.
  std::stable_sort(problems_.begin(), problems_.end(),
                   [](const ConfigProblem& left, const ConfigProblem& right) {
                     return std::tie(left.file, left.line, left.column) <
                            std::tie(right.file, right.line, right.column);
                   });
  return std::move(problems_);
}

std::string format_problems(std::span<const ConfigProblem> problems) {
  std::string text;
  for (const ConfigProblem& problem : problems) {
    text += problem.file;
    if (problem.line > 0) {
      text.append(":").append(std::to_string(problem.line));
      text.append(":").append(std::to_string(problem.column));
    }
    text += problem.severity == ProblemSeverity::kError ? ": error: " : ": warning: ";
    text += problem.message;
    text += '\n';
  }
  return text;
}

}  // namespace sluice

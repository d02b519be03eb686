// SPDX-License-Identifier: Apache-2.0
// config_problem.h — what is wrong with a configuration, and where it was written.
//
// In:      places from the YAML reader, the command line and the environment.
// Out:     a list that grows to the end of loading, so that a person sees every error at once.
// Owns:    its texts. No text ever holds a secret: values of headers and of ${…} are not quoted.
// Thread:  value types.
// Limits:  256 problems; a file of rubbish needs no more to be recognised.
// Why so:  apart from Result on purpose: an operation has one failure, a configuration has many,
//          and each needs a place and a remedy rather than an errno.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace sluice {

// Where something was written. Lines and columns count from 1; 0: the origin has none.
struct Place {
  std::string origin;  // name of a file, "command line" or "environment"
  int line = 0;
  int column = 0;

  bool operator==(const Place&) const = default;
};

enum class ProblemSeverity : unsigned char { kWarning, kError };

struct ConfigProblem {
  std::string file;
  int line = 0;
  int column = 0;
  ProblemSeverity severity = ProblemSeverity::kError;
  std::string message;

  bool operator==(const ConfigProblem&) const = default;
};

// Collects problems. The same sentence for the same place is kept once.
class ProblemList {
 public:
  static constexpr size_t kProblemsMax = 256;

  void error(const Place& place, std::string message) {
    add(place, ProblemSeverity::kError, std::move(message));
  }
  void warning(const Place& place, std::string message) {
    add(place, ProblemSeverity::kWarning, std::move(message));
  }
  bool has_errors() const;
  // In the order of places, ready to be shown.
  std::vector<ConfigProblem> sorted() &&;

 private:
  void add(const Place& place, ProblemSeverity severity, std::string message);

  std::vector<ConfigProblem> problems_;
};

// One line per problem: "sluice.yaml:12:5: error: unknown key …".
std::string format_problems(std::span<const ConfigProblem> problems);

}  // namespace sluice

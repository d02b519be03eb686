// SPDX-License-Identifier: Apache-2.0
// explanation.h — why a path is followed or not, as facts in the order in which they matter.
//
// In:      facts, found by who knows the patterns and the disk; lines of an audit.
// Out:     text for people, or one JSON object: the page /explain/PATH and `sluice explain --json`.
// Owns:    plain values.
// Thread:  pure.
// Limits:  some twenty facts.
// Fails:   reading an object back answers nothing and a sentence.
// Why so:  every fact is a name and a sentence, so a new reason needs no new field anywhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/audit.h"

namespace sluice {

struct Explanation {
  struct Fact {
    std::string name;  // "rule", "file", "hint", ...
    std::string text;
  };

  std::string path;
  bool followed = false;
  std::string verdict;  // one sentence: followed, or why not and what to do
  std::vector<Fact> facts{};
  std::vector<AuditLine> lines{};  // of this file and of those that had its name before
  bool live = false;               // an agent said so
};

std::string explanation_text(const Explanation& explanation);
std::string explanation_as_json(const Explanation& explanation);
std::optional<Explanation> explanation_from_json(std::string_view json, std::string& problem);

}  // namespace sluice

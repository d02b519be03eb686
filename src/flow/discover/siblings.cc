// SPDX-License-Identifier: Apache-2.0
#include "flow/discover/siblings.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool separates(char c) {
  return c == '.' || c == '-' || c == '_';
}

// Numbers, dates and times, as logrotate, the kubelet and logging libraries write them.
bool belongs_to_number(char c) {
  return is_digit(c) || separates(c) || c == 'T' || c == 'Z' || c == ':';
}

bool is_word_of_rotation(std::string_view suffix) {
  return suffix == ".old" || suffix == ".prev" || suffix == ".bak" || suffix == "-old";
}

// Where the number at the end of `text` begins, with the separator before it; npos if there is
// none.
size_t number_at_end(std::string_view text) {
  size_t begin = text.size();
  while (begin > 0 && belongs_to_number(text[begin - 1])) --begin;
  while (begin < text.size() && !separates(text[begin])) ++begin;
  const std::string_view number = text.substr(begin);
  const bool counts = std::any_of(number.begin(), number.end(), is_digit);
  return counts && begin > 0 ? begin : std::string_view::npos;
}

// All prefixes that end before a separator inside the number: a.2.log.1.5 may come of a.2.log.1.
void add_prefixes(std::string_view text, size_t begin, std::string_view extension,
                  std::vector<std::string>& names) {
  for (size_t at = begin; at < text.size(); ++at) {
    if (!separates(text[at]) || at + 1 == text.size() || !is_digit(text[at + 1])) continue;
    names.push_back(std::string(text.substr(0, at)).append(extension));
  }
}

bool one_pass(Disk& disk, const std::string& directory, const NameChoice& chooses,
              std::vector<DirectoryEntry>& entries, Surroundings& found) {
  bool steady = true;
  const std::string prefix = directory == "/" ? "/" : directory + "/";
  for (const DirectoryEntry& entry : entries) {
    if (entry.kind != FileKind::kRegular || !chooses(entry.name)) continue;
    const auto stat = disk.stat(prefix + entry.name);
    steady = steady && stat.ok();
    if (stat.ok() && stat->kind == FileKind::kRegular) found.files.push_back({entry.name, *stat});
  }
  std::sort(found.files.begin(), found.files.end(),
            [](const Sibling& a, const Sibling& b) { return a.name < b.name; });
  return steady;
}

bool same_file(const Sibling& a, const Sibling& b) {
  return a.name == b.name && a.stat.inode == b.stat.inode && a.stat.device == b.stat.device &&
         a.stat.birth_ns == b.stat.birth_ns;
}

}  // namespace

Result<Surroundings> look_around(Disk& disk, const std::string& directory,
                                 const NameChoice& chooses) {
  Surroundings found, again;
  std::vector<DirectoryEntry> entries;
  for (Surroundings* pass : {&found, &again}) {
    const auto listed = disk.list(directory, entries);
    if (!listed.ok() && listed.error().code != Errc::kNotFound) return listed.error();
    if (!listed.ok()) entries.clear();
    pass->steady = one_pass(disk, directory, chooses, entries, *pass);
  }
  again.steady = found.steady && again.steady &&
                 std::equal(found.files.begin(), found.files.end(), again.files.begin(),
                            again.files.end(), same_file);
  return again;
}

std::vector<std::string> names_before_rotation(std::string_view name) {
  std::vector<std::string> names;
  const auto last_separator = name.find_last_of(".-_");
  if (last_separator != std::string_view::npos && last_separator > 0 &&
      is_word_of_rotation(name.substr(last_separator)))
    names.emplace_back(name.substr(0, last_separator));
  if (const size_t begin = number_at_end(name); begin != std::string_view::npos)
    add_prefixes(name, begin, "", names);
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size()) return names;
  const std::string_view stem = name.substr(0, dot);
  if (const size_t begin = number_at_end(stem); begin != std::string_view::npos)
    add_prefixes(stem, begin, name.substr(dot), names);
  return names;
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "agent/dead_letter_box.h"

#include <fcntl.h>
#include <simdjson.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

#include "platform/state_directory.h"

namespace sluice {
namespace {

constexpr std::string_view kEnding = ".ndjson";
constexpr std::string_view kRecordKey = ",\"record\":";

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

Digest128 digest_of(const std::string& hex) {
  if (hex.size() != 32) return {};
  return {std::strtoull(hex.c_str() + 16, nullptr, 16),
          std::strtoull(hex.substr(0, 16).c_str(), nullptr, 16)};
}

// False: it is not one of ours, or broken.
bool read_letter(simdjson::dom::parser& parser, std::string_view line, FiledLetter& letter) {
  simdjson::dom::element root;
  if (parser.parse(line.data(), line.size()).get(root) != simdjson::SUCCESS) return false;
  const auto text = [&](const char* key, std::string& into) {
    std::string_view value;
    if (root[key].get(value) != simdjson::SUCCESS) return false;
    into = value;
    return true;
  };
  std::string key;
  if (!text("id", letter.id) || !text("key", key) || !text("time", letter.time) ||
      !text("destination", letter.destination) || !text("reason", letter.reason) ||
      !text("path", letter.path))
    return false;
  letter.key = digest_of(key);
  if (root["status"].get(letter.status) != simdjson::SUCCESS) return false;
  if (root["offset"].get(letter.offset) != simdjson::SUCCESS) return false;
  std::string_view record_line;
  if (root["record"]["line"].get(record_line) == simdjson::SUCCESS) letter.text = record_line;
  // Its very bytes: inside of a text the quotes of the key would be escaped.
  const size_t at = line.find(kRecordKey);
  if (at == std::string_view::npos) return false;
  letter.record = line.substr(at + kRecordKey.size(), line.size() - at - kRecordKey.size() - 1);
  letter.line = line;
  return true;
}

}  // namespace

Result<std::vector<std::string>> DeadLetterBox::files() const {
  std::vector<std::string> files;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory_, error);
  if (error == std::errc::no_such_file_or_directory) return files;
  if (error) return Error::from_errno("open dead letters", error.value());
  for (const auto& entry : entries) {
    std::string name = entry.path().filename().string();
    if (name.ends_with(kEnding)) files.push_back(std::move(name));
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::set<std::string> DeadLetterBox::replayed(const std::string& file) const {
  std::set<std::string> ids;
  std::istringstream lines(read_file(path_of(file) + ".done"));
  for (std::string id; std::getline(lines, id);) {
    if (id.size() == 32) ids.insert(id);
  }
  return ids;
}

Result<std::vector<FiledLetter>> DeadLetterBox::open_letters(const std::string& file,
                                                             std::set<std::string>& seen) const {
  std::vector<FiledLetter> letters;
  const std::set<std::string> done = replayed(file);
  const std::string text = read_file(path_of(file));
  simdjson::dom::parser parser;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;  // being written, or broken off
    FiledLetter letter;
    const bool good =
        read_letter(parser, std::string_view(text).substr(begin, end - begin), letter);
    begin = end + 1;
    if (!good || done.contains(letter.id) || !seen.insert(letter.id).second) continue;
    letters.push_back(std::move(letter));
  }
  return letters;
}

Result<void> DeadLetterBox::note_replayed(const std::string& file, const std::string& id) const {
  const std::string path = path_of(file) + ".done";
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return Error::from_errno("note what is replayed");
  // A note that broke off before must not spoil this one.
  const std::string line = "\n" + id + "\n";
  const bool written = ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
                       ::fdatasync(fd) == 0;
  const int err = errno;
  ::close(fd);
  if (!written) return Error::from_errno("note what is replayed", err);
  return sync_directory(directory_);
}

// The notes go last: a crash between the two leaves notes about nothing.
Result<bool> DeadLetterBox::remove_if_done(const std::string& file) const {
  std::set<std::string> seen;
  const auto open = open_letters(file, seen);
  if (!open) return open.error();
  if (!open->empty()) return false;
  if (::unlink(path_of(file).c_str()) != 0) return Error::from_errno("remove replayed letters");
  const Result<void> durable = sync_directory(directory_);
  if (!durable) return durable.error();
  ::unlink((path_of(file) + ".done").c_str());
  return true;
}

}  // namespace sluice

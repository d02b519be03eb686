// SPDX-License-Identifier: Apache-2.0
#include "control/config_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <istream>
#include <map>
#include <sstream>
#include <utility>

#include "control/config_text.h"

namespace sluice {
namespace {

constexpr size_t kNodesMax = 20'000;
constexpr size_t kDepthMax = 32;

// Thrown out of a callback to end a parse that met a bound; caught below, in this file.
struct Refused : std::exception {};

// yaml-cpp 0.7 takes a quote that is never closed for one that ends with the file, so that every
// key after it would be lost without a word.
bool is_open_quote(std::string_view text) {
  if (text.empty() || (text.front() != '\'' && text.front() != '"')) return false;
  const char quote = text.front();
  for (size_t i = 1; i < text.size(); ++i) {
    const bool doubled = quote == '\'' && i + 1 < text.size() && text[i + 1] == quote;
    if ((quote == '"' && text[i] == '\\') || (text[i] == quote && doubled))
      ++i;  // a letter after a backslash, or a quote that is written twice
    else if (text[i] == quote)
      return false;
  }
  return true;
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, std::string file, ProblemList& problems)
      : text_(text), file_(std::move(file)), problems_(problems) {}

  ConfigNode take_root() { return std::move(root_); }

  Place place_of(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (wants_key()) return take_key(mark, "", true);
    finish(node(mark, ConfigNode::Kind::kNull), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto named = anchors_.find(anchor);
    if (named == anchors_.end()) refuse(mark, "an alias cannot stand inside what it names");
    if (wants_key()) return take_key(mark, "", named->second.kind != ConfigNode::Kind::kScalar);
    count(place_of(mark), node_count(named->second));
    if (depth(named->second) + open_.size() > kDepthMax) refuse(mark, "this is nested too deeply");
    finish(named->second, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                const std::string& value) override {
    if (is_open_quote(text_.substr(std::min(text_.size(), static_cast<size_t>(mark.pos)))))
      refuse(mark, "the closing quote is missing");
    if (wants_key()) return take_key(mark, value, false);
    ConfigNode scalar = node(mark, ConfigNode::Kind::kScalar);
    scalar.text = value;
    finish(std::move(scalar), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, ConfigNode::Kind::kList, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, ConfigNode::Kind::kMap, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  // A list or map whose end has not come yet, and the key that waits for its value.
  struct Open {
    ConfigNode node;
    YAML::anchor_t anchor;
    bool has_key = false;
    std::string key;
    Place key_place;
  };

  [[noreturn]] void refuse(const YAML::Mark& mark, std::string message) {
    problems_.error(place_of(mark), std::move(message));
    throw Refused();
  }

  void count(const Place& place, size_t added) {
    nodes_ += added;
    if (nodes_ <= kNodesMax) return;
    problems_.error(place, "the configuration holds more than 20000 values, aliases included");
    throw Refused();
  }

  ConfigNode node(const YAML::Mark& mark, ConfigNode::Kind kind) {
    count(place_of(mark), 1);
    ConfigNode fresh;
    fresh.kind = kind;
    fresh.place = place_of(mark);
    return fresh;
  }

  bool wants_key() const {
    return !open_.empty() && open_.back().node.kind == ConfigNode::Kind::kMap &&
           !open_.back().has_key;
  }

  void take_key(const YAML::Mark& mark, const std::string& text, bool wrong) {
    if (wrong) refuse(mark, "expected a key");
    count(place_of(mark), 1);
    open_.back().has_key = true;
    open_.back().key = text;
    open_.back().key_place = place_of(mark);
  }

  void open(const YAML::Mark& mark, ConfigNode::Kind kind, YAML::anchor_t anchor) {
    if (wants_key()) refuse(mark, "expected a key, found a list or a map");
    if (open_.size() >= kDepthMax) refuse(mark, "this is nested too deeply");
    open_.push_back(Open{node(mark, kind), anchor, false, {}, {}});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    finish(std::move(done.node), done.anchor);
  }

  void finish(ConfigNode done, YAML::anchor_t anchor) {
    if (anchor != 0) {
      count(done.place, node_count(done));
      anchors_[anchor] = done;
    }
    if (open_.empty()) {
      root_ = std::move(done);
      return;
    }
    Open& parent = open_.back();
    done.key = std::exchange(parent.key, {});
    done.key_place = std::exchange(parent.key_place, {});
    parent.has_key = false;
    parent.node.items.push_back(std::move(done));
  }

  static size_t node_count(const ConfigNode& node) {
    size_t total = node.kind == ConfigNode::Kind::kMap ? 1 + node.items.size() : 1;
    for (const ConfigNode& item : node.items) total += node_count(item);
    return total;
  }

  static size_t depth(const ConfigNode& node) {
    size_t deepest = 0;
    for (const ConfigNode& item : node.items) deepest = std::max(deepest, depth(item));
    return deepest + 1;
  }

  std::string_view text_;
  std::string file_;
  ProblemList& problems_;
  ConfigNode root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, ConfigNode> anchors_;
  size_t nodes_ = 0;
};

// What YAML forbids and yaml-cpp takes: it ends a file at a byte of 4, silently, and reads damaged
// UTF-8 as something else. What passes here keeps its byte positions through yaml-cpp.
bool has_readable_bytes(std::string_view text, const std::string& file, ProblemList& problems) {
  Place place{file, 1, 1};
  for (const char letter : text) {
    const bool blank = letter == '\t' || letter == '\n' || letter == '\r';
    if (!blank && (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f)) {
      problems.error(place, "a control character cannot stand here");
      return false;
    }
    place.column = letter == '\n' ? 1 : place.column + 1;
    if (letter == '\n') ++place.line;
  }
  if (is_utf8(text)) return true;
  problems.error(Place{file, 1, 1}, "a configuration file is UTF-8; this one is something else");
  return false;
}

bool parse_document(std::string_view text, TreeBuilder& builder, const std::string& file,
                    ProblemList& problems) {
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return true;  // an empty file: all defaults
    TreeBuilder second(text, file, problems);
    if (!parser.HandleNextDocument(second)) return true;
    problems.error(Place{file, 1, 1}, "expected one YAML document, found several ('---')");
  } catch (const Refused&) {
    return false;  // already reported
  } catch (const YAML::Exception& error) {
    const bool placed = !error.mark.is_null();
    problems.error(placed ? builder.place_of(error.mark) : Place{file, 1, 1},
                   std::string("this is not valid YAML: ").append(error.msg));
  } catch (const std::exception& error) {
    problems.error(Place{file, 1, 1}, std::string("this is not valid YAML: ") + error.what());
  }
  return false;
}

}  // namespace

std::optional<ConfigNode> parse_config_tree(std::string_view text, const std::string& file,
                                            ProblemList& problems) {
  if (text.size() > static_cast<size_t>(kConfigFileBytesMax.value)) {
    problems.error(Place{file, 1, 1}, "a configuration file may have at most 1 MiB");
    return std::nullopt;
  }
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a mark that some editors add
  if (!has_readable_bytes(text, file, problems)) return std::nullopt;
  TreeBuilder builder(text, file, problems);
  if (!parse_document(text, builder, file, problems)) return std::nullopt;
  return builder.take_root();
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "agent/explain.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>
#include <vector>

#include "agent/path_rule.h"
#include "platform/linked_path.h"

namespace sluice {
namespace {

constexpr std::array<std::string_view, 5> kCompressed = {".gz", ".zst", ".bz2", ".xz", ".lz4"};

std::string kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "no regular file";
}

// The directories above the path, the outermost first.
std::vector<std::string> directories_above(const std::string& path) {
  std::vector<std::string> directories;
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    directories.push_back(path.substr(0, slash));
  }
  return directories;
}

// What the disk shows of a path.
class Look {
 public:
  Look(const std::string& path, FollowLinks follow) : path_(path) {
    for (const std::string& directory : directories_above(path)) {
      struct stat found {};
      if (::lstat(directory.c_str(), &found) == 0 && S_ISLNK(found.st_mode))
        links_.push_back(directory);
    }
    there_ = ::stat(path.c_str(), &stat_) == 0;
    error_ = there_ ? 0 : errno;
    if (!there_ || !S_ISREG(stat_.st_mode)) return;
    constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    const Result<int> opened = open_linked(path, kFlags, follow);
    if (opened) ::close(*opened);
    untrusted_ = !opened && opened.error().sys_errno == ELOOP;
    if (untrusted_) there_ = false;  // what lies behind the link is nobody's business
  }

  const std::vector<std::string>& links() const { return links_; }
  bool there() const { return there_; }
  const struct stat& found() const { return stat_; }

  // Why it cannot be followed; empty: it can.
  std::string obstacle() const {
    if (untrusted_)
      return "a symbolic link on the way belongs to somebody who does not own what it leads to; "
             "see follow_links";
    if (!there_) return absence();
    if (!S_ISREG(stat_.st_mode))
      return fmt::format("it is {}; only regular files are followed", kind_of(stat_.st_mode));
    // For the user that the process acts as, which access(2) does not ask.
    if (::faccessat(AT_FDCWD, path_.c_str(), R_OK, AT_EACCESS) != 0)
      return fmt::format("it cannot be read by uid {} ({}); give that user read permission",
                         ::geteuid(), std::strerror(errno));
    return {};
  }

  void tell(Explanation& into) const {
    struct stat own {};
    if (::lstat(path_.c_str(), &own) == 0 && S_ISLNK(own.st_mode)) {
      std::array<char, PATH_MAX> target{};
      const ssize_t got = ::readlink(path_.c_str(), target.data(), target.size() - 1);
      into.facts.push_back({"link", fmt::format("a symbolic link to '{}'; its target is followed "
                                                "under this name",
                                                got > 0 ? target.data() : "?")});
    }
    if (!there_ || !S_ISREG(stat_.st_mode)) return;
    into.facts.push_back({"file", fmt::format("{} bytes, device {}, inode {}", stat_.st_size,
                                              stat_.st_dev, stat_.st_ino)});
  }

 private:
  std::string absence() const {
    for (const std::string& directory : directories_above(path_)) {
      struct stat found {};
      if (::stat(directory.c_str(), &found) != 0 && errno == ENOENT)
        return fmt::format("the directory '{}' does not exist (yet)", directory);
      if (::faccessat(AT_FDCWD, directory.c_str(), X_OK, AT_EACCESS) != 0)
        return fmt::format("uid {} may not look into '{}' ({})", ::geteuid(), directory,
                           std::strerror(errno));
    }
    struct stat own {};
    if (error_ == ENOENT && ::lstat(path_.c_str(), &own) == 0 && S_ISLNK(own.st_mode))
      return "it is a symbolic link whose target does not exist";
    if (error_ == ENOENT) return "it does not exist (yet); it is followed when it appears";
    return fmt::format("it cannot be examined ({})", std::strerror(error_));
  }

  const std::string path_;
  std::vector<std::string> links_;
  struct stat stat_ {};
  bool there_ = false;
  bool untrusted_ = false;
  int error_ = 0;
};

void tell_rules(const std::vector<PathRuling>& rulings, Explanation& into) {
  for (const PathRuling& ruling : rulings) {
    std::string text = fmt::format("source '{}': ", ruling.source);
    if (!ruling.excluded.empty()) {
      text += fmt::format("matches '{}', but is excluded by '{}'", ruling.matched, ruling.excluded);
    } else if (!ruling.matched.empty()) {
      text += fmt::format("matches '{}'", ruling.matched);
    } else {
      text += fmt::format("no pattern matches; the nearest is '{}': {}", ruling.nearest,
                          ruling.differs);
    }
    into.facts.push_back({"rule", std::move(text)});
  }
}

void add_lines(const AuditReport& report, const Look& look, Explanation& into) {
  for (const AuditLine& line : report.lines) {
    const bool same_file = look.there() && line.identity.inode == look.found().st_ino &&
                           line.identity.device == look.found().st_dev;
    if (line.path == into.path || line.present_name == into.path || same_file)
      into.lines.push_back(line);
  }
  // The file that is there now first, then those that had its name before.
  std::stable_sort(into.lines.begin(), into.lines.end(),
                   [&](const AuditLine& a, const AuditLine& b) {
                     const auto is_it = [&](const AuditLine& line) {
                       return look.there() && line.identity.inode == look.found().st_ino;
                     };
                     return is_it(a) && !is_it(b);
                   });
}

bool is_alive(const AuditLine& line) {
  return line.state != AuditState::kGone && line.state != AuditState::kPast &&
         line.state != AuditState::kUnconfigured;
}

void tell_hints(const std::string& path, Explanation& into) {
  for (const std::string_view ending : kCompressed) {
    if (path.ends_with(ending))
      into.facts.push_back({"hint", fmt::format("the name says that it is compressed; what is "
                                                "followed is read as text, so exclude '*{}'",
                                                ending)});
  }
}

// The verdict on a path that a rule wants.
void judge_wanted(const AgentConfig& config, size_t source, const Look& look, Explanation& into) {
  look.tell(into);
  tell_hints(into.path, into);
  std::string why_not = look.obstacle();
  if (why_not.empty())
    why_not = blocked_on_the_way(config.sources[source], into.path, look.links());
  const auto line = std::find_if(into.lines.begin(), into.lines.end(), is_alive);
  if (!why_not.empty()) {
    into.verdict = why_not;
  } else if (line == into.lines.end() && into.live) {
    into.verdict =
        "a rule wants it, but the agent has not found it yet; it looks again at the "
        "reconcile interval";
  } else {
    into.followed = true;
    into.verdict = fmt::format("by source '{}'{}", config.sources[source].name,
                               into.live ? "" : ", when the agent runs");
  }
}

}  // namespace

Explanation explain_path(const AgentConfig& config, const std::string& path,
                         const AuditReport& report) {
  Explanation explanation;
  explanation.path = path;
  explanation.live = report.live;
  const std::vector<PathRuling> rulings = rule_on(config, path);
  tell_rules(rulings, explanation);
  const Look look(path, config.follow_links);
  add_lines(report, look, explanation);
  const auto wanting = std::find_if(rulings.begin(), rulings.end(),
                                    [](const PathRuling& ruling) { return ruling.wants(); });
  if (wanting != rulings.end()) {
    judge_wanted(config, static_cast<size_t>(wanting - rulings.begin()), look, explanation);
    return explanation;
  }
  const auto held = std::find_if(explanation.lines.begin(), explanation.lines.end(), is_alive);
  if (held != explanation.lines.end() && held->path != path) {
    explanation.followed = true;
    explanation.verdict = fmt::format("as '{}', the name that it had", held->path);
    return explanation;
  }
  const auto excluded = std::find_if(rulings.begin(), rulings.end(), [](const PathRuling& ruling) {
    return !ruling.excluded.empty();
  });
  explanation.verdict = excluded != rulings.end()
                            ? fmt::format("it is excluded by '{}'", excluded->excluded)
                            : "no pattern matches it";
  return explanation;
}

}  // namespace sluice

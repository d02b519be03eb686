// SPDX-License-Identifier: Apache-2.0
#include "measure/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <utility>

namespace sluice {
namespace {

[[noreturn]] void be_the_child(const std::function<int()>& work, const std::string& log_file,
                               const Interrupt& interrupt, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it died before the line above
  // Ctrl-C goes to the whole group: the parent decides what it means.
  ::setpgid(0, 0);
  pthread_sigmask(SIG_SETMASK, &interrupt.mask_before(), nullptr);
  const int log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (log < 0 || nothing < 0) ::_exit(1);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(nothing, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::_exit(work());
}

}  // namespace

Result<Child> Child::start(const std::function<int()>& work, const std::string& log_file,
                           const Interrupt& interrupt) {
  std::fflush(nullptr);  // or the child would write it again
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return Error::from_errno("fork");
  if (pid == 0) be_the_child(work, log_file, interrupt, parent);
  return Child(pid);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), cpu_seconds_(other.cpu_seconds_) {}

Child::~Child() {
  end();
}

bool Child::lives() {
  if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) != 0) pid_ = -1;
  return pid_ > 0;
}

double Child::cpu_seconds() {
  clockid_t clock{};
  timespec used{};
  if (pid_ > 0 && ::clock_getcpuclockid(pid_, &clock) == 0 && ::clock_gettime(clock, &used) == 0)
    cpu_seconds_ = static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
  return cpu_seconds_;
}

int64_t Child::peak_resident_bytes() const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  for (std::string word; status >> word;) {
    int64_t kibibytes = 0;
    if (word == "VmHWM:" && status >> kibibytes) return kibibytes << 10;
  }
  return 0;
}

void Child::stop(Duration patience, Interrupt& interrupt) {
  constexpr Duration kLook{2'000'000};
  if (pid_ > 0) ::kill(pid_, SIGTERM);
  for (Duration waited; lives() && waited < patience; waited += kLook)
    if (interrupt.pause(kLook)) break;
  end();
}

void Child::end() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string last_line_of(const std::string& log_file) {
  std::ifstream file(log_file);
  std::string last;
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) last = line;
  return last;
}

}  // namespace sluice

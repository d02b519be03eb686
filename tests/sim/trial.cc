// SPDX-License-Identifier: Apache-2.0
#include "trial.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "sluice/check.h"

namespace sluice::sim {
namespace {

// Seconds of CPU per schedule.
constexpr time_t kCpuMax = 30;

// For the handlers, which have no other way to know what was running.
Board* g_board = nullptr;
const World* g_world = nullptr;

void write_down(char* into, size_t room, std::string_view text) {
  const size_t size = std::min(room - 1, text.size());
  std::memcpy(into, text.data(), size);
  into[size] = '\0';
}

void end_of_child(const char* invariant, const char* what) {
  g_board->broken = true;
  if (g_world != nullptr) {
    g_board->step = g_world->witness().step;
    g_board->lines = g_world->witness().lines();
  }
  write_down(g_board->invariant, sizeof g_board->invariant, invariant);
  write_down(g_board->what, sizeof g_board->what, what);
  std::fflush(stdout);
  std::_Exit(1);
}

extern "C" void on_signal(int number) {
  std::signal(number, SIG_DFL);
  if (number == SIGPROF) end_of_child("I6 LIVE", "a turn never ends");
  end_of_child("CHECK", number == SIGABRT ? "" : "the program crashes");
}

void give_cpu_time() {
  itimerval timer{};
  timer.it_value.tv_sec = kCpuMax;
  setitimer(ITIMER_PROF, &timer, nullptr);
}

std::string read_all(int from) {
  std::string text;
  std::array<char, 512> part{};
  off_t at = 0;
  ssize_t bytes = 0;
  while ((bytes = pread(from, part.data(), part.size(), at)) > 0) {
    text.append(part.data(), static_cast<size_t>(bytes));
    at += bytes;
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

[[noreturn]] void be_child(Board& board, int errors, const std::function<void(Board&)>& work) {
  g_board = &board;
  dup2(errors, STDERR_FILENO);
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGPROF}) std::signal(number, on_signal);
  work(board);
  board.ended = true;
  std::fflush(stdout);
  std::_Exit(0);
}

}  // namespace

bool Board::run(uint64_t its_seed, const Plan& plan, bool tells, Verdict* verdict) {
  seed = its_seed;
  give_cpu_time();
  World world(seed, plan, tells);
  g_world = &world;
  Verdict said = world.run();
  g_world = nullptr;
  if (!said.good) {
    broken = true;
    step = said.steps;
    lines = world.witness().lines();
    write_down(invariant, sizeof invariant, said.invariant);
    write_down(what, sizeof what, said.what);
  }
  const bool good = said.good;
  if (verdict != nullptr) *verdict = std::move(said);
  return good;
}

void* shared_memory(size_t room) {
  void* memory = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  SLUICE_CHECK(memory != MAP_FAILED, "memory that processes share");
  return memory;
}

Apart::Apart(const std::function<void(Board&)>& work)
    : board_(new (shared_memory(sizeof(Board))) Board),
      errors_(memfd_create("errors", MFD_CLOEXEC)) {
  SLUICE_CHECK(errors_ >= 0, "a place for the words of a failed check");
  std::fflush(stdout);
  const pid_t parent = getpid();
  child_ = fork();
  SLUICE_CHECK(child_ >= 0, "a process for the trial");
  if (child_ != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) std::_Exit(1);
  be_child(*board_, errors_, work);
}

Apart::~Apart() {
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  close(errors_);
  munmap(board_, sizeof(Board));
}

Trial Apart::result() {
  rusage used{};
  while (wait4(child_, nullptr, 0, &used) < 0 && errno == EINTR) {
  }
  child_ = -1;
  const std::string said = read_all(errors_);
  Trial trial;
  trial.good = !board_->broken && board_->ended;
  trial.seed = board_->seed;
  trial.step = board_->step;
  trial.lines = board_->lines;
  trial.invariant = board_->invariant;
  trial.what = board_->what;
  for (const timeval& time : {used.ru_utime, used.ru_stime})
    trial.cpu_s += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  if (!trial.good && !board_->broken) trial.invariant = "CHECK";
  if (trial.invariant == "CHECK" && !said.empty()) trial.what = said;
  return trial;
}

Trial try_apart(const std::function<void(Board&)>& work) {
  return Apart(work).result();
}

Trial try_schedule(uint64_t seed, const Plan& plan, bool tells) {
  return try_apart([&](Board& board) { board.run(seed, plan, tells); });
}

}  // namespace sluice::sim

// SPDX-License-Identifier: Apache-2.0
#include "child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace sluice {
namespace {

int exit_code_of(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void redirect(int fd, const std::string& file) {
  const int to = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  ::dup2(to, fd);
  ::close(to);
}

}  // namespace

ChildProcess::ChildProcess(MainFunction main_function, std::vector<std::string> words,
                           const std::string& stdout_file, const std::string& stderr_file) {
  std::vector<char*> args;
  for (std::string& word : words) args.push_back(word.data());
  fflush(nullptr);
  pid_ = ::fork();
  if (pid_ != 0) return;
  redirect(STDOUT_FILENO, stdout_file);
  redirect(STDERR_FILENO, stderr_file);
  const int code = main_function(args);
  fflush(nullptr);
  ::exit(code);  // not _exit: LeakSanitizer looks at the child too
}

ChildProcess::~ChildProcess() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void ChildProcess::signal(int number) const {
  ::kill(pid_, number);
}

int ChildProcess::wait() {
  int status = 0;
  if (!eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; })) return -1;
  pid_ = -1;
  return exit_code_of(status);
}

CommandResult run_command(const std::string& command) {
  CommandResult result;
  FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  char block[4096];
  for (size_t got; (got = ::fread(block, 1, sizeof block, pipe)) > 0;) {
    result.output.append(block, got);
  }
  result.code = exit_code_of(::pclose(pipe));
  return result;
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < deadline) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
// child_process.h — runs a main function or a shell command in a process of its own.
//
// In:      receive_main or generate_main with words; or a command line for sh.
// Out:     its exit code and what it wrote.
// Owns:    the child: a test that ends early kills it.
// Thread:  the test's. Waits have a deadline; none sleeps for luck.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace sluice {

using MainFunction = int (*)(std::span<char* const>);

class ChildProcess {
 public:
  // stdout and stderr go to files.
  ChildProcess(MainFunction main_function, std::vector<std::string> words,
               const std::string& stdout_file, const std::string& stderr_file);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void signal(int number) const;
  int wait();  // the exit code, or 128 + signal, or -1 after the deadline
  int pid() const { return pid_; }

 private:
  int pid_ = -1;
};

struct CommandResult {
  int code = -1;
  std::string output;  // stdout and stderr
};
CommandResult run_command(const std::string& command);

// Polls until true or 20 s have passed.
bool eventually(const std::function<bool()>& condition);

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
#include "platform/instance_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "scratch_directory.h"
#include "whole_file.h"

namespace sluice {
namespace {

constexpr Duration kNoPatience(0);

// A process that holds the lock until it is killed.
pid_t start_holder(const std::string& directory) {
  int ready[2];
  EXPECT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::string problem;
    const auto lock = InstanceLock::acquire(directory, kNoPatience, problem);
    const char answer = lock.ok() ? 'y' : 'n';
    (void)!::write(ready[1], &answer, 1);
    for (;;) ::pause();
  }
  ::close(ready[1]);
  char answer = 0;
  EXPECT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  ::close(ready[0]);
  return child;
}

void kill_and_reap(pid_t child) {
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
}

TEST(InstanceLock, CRA_11_TellsTheSecondWhoTheFirstIs) {
  const ScratchDirectory scratch;
  const std::string directory = scratch.path("state");
  const pid_t holder = start_holder(directory);
  std::string problem;
  const auto second = InstanceLock::acquire(directory, kNoPatience, problem);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Errc::kBusy);
  EXPECT_NE(problem.find("pid " + std::to_string(holder)), std::string::npos) << problem;
  EXPECT_NE(problem.find(directory), std::string::npos) << problem;
  EXPECT_NE(problem.find("--state"), std::string::npos) << problem;
  kill_and_reap(holder);
}

TEST(InstanceLock, CRA_11_IsFreeAtOnceAfterItsHolderWasKilled) {
  const ScratchDirectory scratch;
  for (int round = 0; round < 20; ++round) {
    kill_and_reap(start_holder(scratch.path()));
    std::string problem;
    const auto lock = InstanceLock::acquire(scratch.path(), InstanceLock::kPatience, problem);
    EXPECT_TRUE(lock.ok()) << problem;
  }
}

TEST(InstanceLock, WaitsForAHolderThatIsJustGoing) {
  const ScratchDirectory scratch;
  const pid_t holder = start_holder(scratch.path());
  std::thread killer([holder] {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    kill_and_reap(holder);
  });
  std::string problem;
  const auto lock = InstanceLock::acquire(scratch.path(), Duration(10'000'000'000), problem);
  EXPECT_TRUE(lock.ok()) << problem;
  killer.join();
}

TEST(InstanceLock, IsReleasedWithItsObjectAndMovesWithIt) {
  const ScratchDirectory scratch;
  std::string problem;
  {
    auto lock = InstanceLock::acquire(scratch.path(), kNoPatience, problem);
    ASSERT_TRUE(lock.ok());
    const InstanceLock moved = std::move(lock).value();
    EXPECT_FALSE(InstanceLock::acquire(scratch.path(), kNoPatience, problem).ok());
  }
  EXPECT_TRUE(InstanceLock::acquire(scratch.path(), kNoPatience, problem).ok());
  EXPECT_EQ(read_whole(scratch.path("sluice.lock")), std::to_string(::getpid()) + "\n");
}

TEST(InstanceLock, NamesTheRemedyWhenAFileIsInTheWayOfTheDirectory) {
  const ScratchDirectory scratch;
  write_whole(scratch.path("plain"), "text");
  std::string problem;
  const auto lock = InstanceLock::acquire(scratch.path("plain/state"), kNoPatience, problem);
  ASSERT_FALSE(lock.ok());
  EXPECT_NE(problem.find("--state"), std::string::npos) << problem;
  EXPECT_NE(problem.find(scratch.path("plain/state")), std::string::npos) << problem;
}

}  // namespace
}  // namespace sluice

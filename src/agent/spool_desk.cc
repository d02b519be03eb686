// SPDX-License-Identifier: Apache-2.0
#include "agent/spool_desk.h"

#include <pthread.h>

#include "sluice/check.h"

namespace sluice {

SpoolDesk::SpoolDesk(SpoolSettings settings, std::unique_ptr<SpoolDisk> disk, Clock& clock,
                     Waker& waker)
    : disk_(std::move(disk)), log_(settings, *disk_), clock_(clock), waker_(waker) {}

SpoolDesk::~SpoolDesk() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
    jobs_.fetch = false;  // nobody is there to take it
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<void> SpoolDesk::open() {
  const Result<void> opened = log_.open(clock_.wall());
  counts_ = log_.counts();
  return opened;
}

void SpoolDesk::begin_job() {
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  changed_.notify_all();
}

void SpoolDesk::store(std::vector<SpoolDraft> drafts) {
  {
    const std::lock_guard lock(mutex_);
    SLUICE_CHECK(jobs_.drafts.empty() && !stored_, "one write at a time");
    jobs_.drafts = std::move(drafts);
  }
  begin_job();
}

std::optional<Result<uint64_t>> SpoolDesk::stored() {
  const std::lock_guard lock(mutex_);
  return std::exchange(stored_, std::nullopt);
}

void SpoolDesk::fetch() {
  {
    const std::lock_guard lock(mutex_);
    SLUICE_CHECK(!jobs_.fetch && !fetched_, "one fetch at a time");
    jobs_.fetch = true;
  }
  begin_job();
}

std::optional<Result<SpooledParcel>> SpoolDesk::fetched() {
  const std::lock_guard lock(mutex_);
  return std::exchange(fetched_, std::nullopt);
}

void SpoolDesk::remove(uint64_t sequence, Lines lines) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.removals.push_back({sequence, lines});
  }
  begin_job();
}

SpoolCounts SpoolDesk::counts() {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void SpoolDesk::work() {
  pthread_setname_np(pthread_self(), "spool");
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ends_ || jobs_.any(); });
    if (!jobs_.any()) return;
    Jobs jobs = std::exchange(jobs_, {});
    const bool ends = ends_;
    lock.unlock();
    do_jobs(std::move(jobs));
    if (!ends) waker_.wake();
  }
}

void SpoolDesk::do_jobs(Jobs jobs) {
  for (const Removal& each : jobs.removals) log_.remove(each.sequence, each.lines);
  std::optional<Result<uint64_t>> stored;
  if (!jobs.drafts.empty()) stored = log_.append(jobs.drafts, clock_.wall());
  std::optional<Result<SpooledParcel>> fetched;
  if (jobs.fetch) fetched = log_.fetch();
  const std::lock_guard lock(mutex_);
  if (stored) stored_ = *stored;
  if (fetched) fetched_ = std::move(fetched);
  counts_ = log_.counts();
}

}  // namespace sluice

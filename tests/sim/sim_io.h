// SPDX-License-Identifier: Apache-2.0
// sim_io.h — reads that come back late, out of order, short or not at all, with what the file held
// at the moment when the simulated kernel copied it.
//
// In:      read requests of one loop; the faults in force.
// Out:     completions; when the next one comes.
// Owns:    reads in flight. Borrows buffers, as the kernel does.
// Limits:  a short read returns at least the marker and one byte: kernels return whole pages. The
//          next read of the same place is whole: whatever ended it has passed.
// Why so:  between submission, copy and completion the file may be truncated, renamed and reused.
#pragma once

#include <set>
#include <utility>
#include <vector>

#include "dice.h"
#include "ledger.h"
#include "sim_disk.h"
#include "sim_doors.h"
#include "sluice/io.h"

namespace sluice::sim {

class SimIo final : public Io {
 public:
  SimIo(const Plan& plan, Witness& witness, SimDisk& disk, Ledger& ledger, SimWaker& waker,
        Dice dice)
      : plan_(plan), witness_(witness), disk_(disk), ledger_(ledger), waker_(waker), dice_(dice) {}

  // The kernel copies what is due.
  void work();
  MonoTime next_done() const;
  size_t in_flight() const { return reads_.size(); }

  size_t reads_in_flight_max() const override {
    return static_cast<size_t>(plan_.buffers + plan_.oversize_buffers);
  }
  bool submit(const ReadRequest& request) override;
  size_t reap(std::span<ReadDone> done) override;
  Result<FileOffset> next_data(FileHandle file, FileOffset from) override {
    return disk_.next_data(file, from);
  }
  void wait(MonoTime) override {}  // the schedule waits for us
  void wake() noexcept override { waker_.wake(); }
  const char* backend() const override { return "simulated"; }

  bool faults = true;

 private:
  struct Read {
    ReadRequest request;
    MonoTime due;
    MonoTime asked_at;
    bool copied = false;
    int32_t result = 0;
  };
  int32_t copy(const Read& read);

  const Plan& plan_;
  Witness& witness_;
  SimDisk& disk_;
  Ledger& ledger_;
  SimWaker& waker_;
  Dice dice_;
  std::vector<Read> reads_;
  std::set<std::pair<uint32_t, FileOffset>> were_short_;  // file and place
};

}  // namespace sluice::sim

// SPDX-License-Identifier: Apache-2.0
// sim_wire.h — a network and a receiver that answer late, twice over or never.
//
// In:      parcels of one lane; the weather at the destination.
// Out:     what the receiver stored, shown to the oracle; answers, true ones and lost ones.
// Owns:    open requests. Borrows their parcels until each is answered, as the real wire does.
// Thread:  one.
// Limits:  a request ends at its deadline at the latest.
// Why so:  the receiver may have stored what the agent was never told of; only an oracle that
//          stands behind the receiver can tell a duplicate that had to be from a bug.
#pragma once

#include <vector>

#include "dice.h"
#include "ledger.h"
#include "sluice/wire.h"

namespace sluice::sim {

// How a destination behaves; changes with time.
enum class Weather : uint8_t {
  kFine,
  kRefused,      // connections
  kUnavailable,  // 503
  kThrottled,    // 429 with Retry-After
  kLockedOut,    // 401
  kMisrouted,    // 404
  kTooLarge,     // 413
  kSilent,       // takes the request and says nothing
  kRefusesAll,   // 400, whatever it is
  kCount,
};

struct DestinationSky {
  Weather weather = Weather::kFine;
};

class SimWire final : public Wire {
 public:
  SimWire(const Plan& plan, uint32_t destination, Witness& witness, Ledger& ledger,
          const DestinationSky& sky, Dice dice);

  // The network moves what is due. Called before anybody acts.
  void work();
  // When something happens here by itself.
  MonoTime next_event() const;
  size_t open() const { return requests_.size(); }
  // The agent's process is gone: what was on its way arrives, or not.
  void agent_died();

  void send(const Parcel& parcel, uint64_t ticket, MonoTime now) override;
  MonoTime turn(MonoTime now) override;
  size_t reap(std::span<WireAnswer> answers) override;
  void abandon_all() override;

  bool faults = true;

 private:
  struct Request {
    const Parcel* parcel = nullptr;
    WireAnswer answer;
    MonoTime sent_at;
    MonoTime stores_at = kNever;
    MonoTime answers_at = kNever;
  };
  void plan_answer(Request& request);
  void plan_fault(Request& request);
  void fail(Request& request, TransportFailure failure);
  void refuse(Request& request, int32_t status, Rare rare);
  void store(Request& request);

  const Plan& plan_;
  const uint32_t destination_;
  Witness& witness_;
  Ledger& ledger_;
  const DestinationSky& sky_;
  Dice dice_;
  std::vector<Request> requests_;
};

}  // namespace sluice::sim

// SPDX-License-Identifier: Apache-2.0
#include "platform/memory_plan.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "sluice/check.h"
#include "sluice/record_table.h"

namespace sluice {
namespace {

// Two reads under way while two blocks are encoded keep one core busy; six leave slack for files
// that grow in small steps.
constexpr int32_t kBuffersGood = 6;
constexpr int32_t kBuffersEnough = 4;
constexpr int32_t kBuffersLeast = 2;
// Raising it rides out longer stalls of the destination; see the essay.
constexpr int64_t kBodiesPerWorker = 4;
// A parcel of one line still takes this much, with its spans and its place in a channel.
constexpr int64_t kParcelBytesLeast = 4096;

// The most that is read but not yet sealed when a lane's credit runs out.
Bytes overshoot(const PlanInput& input, int32_t buffers) {
  Bytes bodies;
  for (const PlanDestination& each : input.destinations) bodies += each.batch_bytes;
  return bodies + Bytes(static_cast<int64_t>(kBlockBytes)) * buffers;
}

int32_t oversize_count(const PlanInput& input) {
  // A line of exactly a block's size needs room for its newline.
  if (input.max_line.value < static_cast<int64_t>(kBlockBytes)) return 0;
  return input.shards > 2 ? 2 : 1;
}

// A long line ends in a newline, and its rest is read again: a page more finds both.
Bytes oversize_text(const PlanInput& input) {
  return input.max_line + Bytes(4096);
}

std::vector<MemoryTerm> fixed_terms(const PlanInput& input, int32_t buffers) {
  const int64_t shards = input.shards;
  const auto block = static_cast<int64_t>(read_buffer_bytes(kBlockBytes));
  const auto oversize =
      static_cast<int64_t>(read_buffer_bytes(static_cast<size_t>(oversize_text(input).value)));
  Bytes bodies;
  Bytes tables;
  Bytes codecs;
  Bytes worst_line;
  for (const PlanDestination& each : input.destinations) {
    bodies += each.batch_bytes;
    tables += each.batch_bytes / static_cast<int64_t>(kRecordBytesLeast / sizeof(RecordEnd));
    codecs += each.codec_bytes;
    worst_line = std::max(worst_line, each.worst_line_bytes);
  }
  const int64_t long_lines = oversize_count(input);
  return {
      {"read buffers", shards * buffers, Bytes(block), "reads in flight, blocks being encoded"},
      {"open bodies", shards, bodies, "one per shard and destination"},
      {"compressed bodies", shards, bodies, "the output of the codec before it is a parcel"},
      {"records of bodies", shards, tables, "where the shortest records of an open body end"},
      {"bodies cut", 1, bodies * 2, "a refused body, unpacked and packed again in part"},
      {"codecs", shards, codecs, "state of the compressors"},
      {"lines decoded", input.decoded_line > Bytes(0) ? shards : 0, input.decoded_line,
       "of container logs and other encodings than UTF-8"},
      {"long lines read", long_lines, Bytes(oversize), "lines longer than a block; else untouched"},
      {"long lines encoded", 2 * long_lines, worst_line, "such a line escaped, and compressed"},
      {"on the way to lanes", shards, overshoot(input, buffers),
       "read before the credit was spent"},
  };
}

Bytes sum_of(const std::vector<MemoryTerm>& terms) {
  Bytes sum;
  for (const MemoryTerm& term : terms) sum += term.total();
  return sum;
}

// What a lane must have (one body on the wire, one sealed), should have, and can use.
Bytes credit_least(const PlanDestination& d) {
  return d.batch_bytes * 2;
}
Bytes credit_enough(const PlanDestination& d) {
  return std::max(credit_least(d), d.batch_bytes * d.workers);
}
Bytes credit_wanted(const PlanDestination& d) {
  return std::max(credit_least(d), d.batch_bytes * d.workers * kBodiesPerWorker);
}

template <class Amount>
Bytes over_all(const PlanInput& input, Amount amount) {
  Bytes sum;
  for (const PlanDestination& each : input.destinations) sum += amount(each);
  return sum;
}

int32_t buffers_of(const PlanInput& input, int32_t per_shard) {
  // Every destination needs a buffer of its own to move at all, and two to move well.
  const auto destinations = static_cast<int32_t>(input.destinations.size());
  const int32_t share = per_shard == kBuffersLeast ? destinations : 2 * destinations;
  return std::clamp(std::max(per_shard, share), 1, kBuffersPerShardMax);
}

// The most buffers with which all lanes have enough; zero if that is not possible.
int32_t choose_buffers(const PlanInput& input) {
  const Bytes lanes = over_all(input, credit_enough);
  for (const int32_t per_shard : {kBuffersGood, kBuffersEnough, kBuffersLeast}) {
    const int32_t buffers = buffers_of(input, per_shard);
    if (sum_of(fixed_terms(input, buffers)) + lanes <= input.limit) return buffers;
  }
  return 0;
}

MemoryPlan plan_with(const PlanInput& input, int32_t buffers) {
  MemoryPlan plan;
  plan.pool = {input.shards, buffers, oversize_count(input),
               static_cast<size_t>(oversize_text(input).value)};
  plan.terms = fixed_terms(input, buffers);
  const Bytes least = over_all(input, credit_least);
  const Bytes wanted = over_all(input, credit_wanted);
  const Bytes left = std::min(input.limit - sum_of(plan.terms), wanted);
  SLUICE_CHECK(left >= least, "the number of buffers was chosen so");
  const double share = wanted == least ? 0.0
                                       : static_cast<double>((left - least).value) /
                                             static_cast<double>((wanted - least).value);
  for (const PlanDestination& each : input.destinations) {
    const Bytes span = credit_wanted(each) - credit_least(each);
    LanePlan lane;
    lane.body_capacity = each.batch_bytes + each.worst_line_bytes;
    lane.bytes_max =
        credit_least(each) + Bytes(static_cast<int64_t>(share * static_cast<double>(span.value)));
    lane.parcels_max = std::max<int64_t>(lane.bytes_max.value / kParcelBytesLeast, 64);
    plan.lanes.push_back(lane);
    plan.terms.push_back({"lane credit", 1, lane.bytes_max, "sealed bodies until they are acked"});
  }
  return plan;
}

std::string in_units(Bytes bytes) {
  std::array<char, 32> text{};
  if (bytes < Bytes(1 << 20)) {
    std::snprintf(text.data(), text.size(), "%lld KiB",
                  static_cast<long long>((bytes.value + 1023) >> 10));
  } else {
    std::snprintf(text.data(), text.size(), "%.1f MiB",
                  static_cast<double>(bytes.value) / (1 << 20));
  }
  return text.data();
}

}  // namespace

Bytes MemoryPlan::total() const {
  return sum_of(terms);
}

std::string MemoryPlan::table() const {
  std::string text;
  std::array<char, 160> line{};
  for (const MemoryTerm& term : terms) {
    if (term.count == 0) continue;
    std::snprintf(line.data(), line.size(), "%-20s %3lld x %9s = %9s  %s\n", term.what,
                  static_cast<long long>(term.count), in_units(term.each).c_str(),
                  in_units(term.total()).c_str(), term.why);
    text += line.data();
  }
  std::snprintf(line.data(), line.size(), "%-20s %27s\n", "sum", in_units(total()).c_str());
  return text + line.data();
}

MemoryPlanOutcome make_memory_plan(const PlanInput& input) {
  SLUICE_CHECK(input.shards > 0 && !input.destinations.empty(), "somebody works for somebody");
  MemoryPlanOutcome outcome;
  const int32_t buffers_least = buffers_of(input, kBuffersLeast);
  outcome.least = sum_of(fixed_terms(input, buffers_least)) + over_all(input, credit_least);
  if (input.limit < outcome.least) {
    outcome.refusal = "memory " + in_units(input.limit) + " is too little for " +
                      std::to_string(input.shards) + " shard(s) and " +
                      std::to_string(input.destinations.size()) +
                      " destination(s): the least that works is " + in_units(outcome.least) +
                      "; give more memory, or fewer shards, or a smaller batch-bytes or max-line";
    return outcome;
  }
  const int32_t buffers = choose_buffers(input);
  outcome.plan = plan_with(input, buffers > 0 ? buffers : buffers_least);
  SLUICE_CHECK(outcome.plan->total() <= input.limit, "a plan keeps its limit");
  return outcome;
}

int32_t shards_that_fit(PlanInput input, int32_t shards_max) {
  for (input.shards = shards_max; input.shards > 1; --input.shards) {
    const Bytes needed = sum_of(fixed_terms(input, buffers_of(input, kBuffersEnough))) +
                         over_all(input, credit_enough);
    if (needed <= input.limit) break;
  }
  return std::max(input.shards, 1);
}

}  // namespace sluice

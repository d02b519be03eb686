// SPDX-License-Identifier: Apache-2.0
#include "agent/loop.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <utility>

#include "flow/compress/codecs.h"
#include "platform/spool_files.h"

namespace sluice {

Loop::Loop(LoopPlan plan, LoopControls& controls) : plan_(std::move(plan)), controls_(controls) {}

Loop::~Loop() {
  join();
}

void Loop::start() {
  thread_ = std::thread([this] { run(); });
}

std::string Loop::wait_ready() {
  return ready_.get_future().get();
}

void Loop::join() {
  if (thread_.joinable()) thread_.join();
}

void Loop::run() {
  pthread_setname_np(pthread_self(), plan_.name.substr(0, 15).c_str());
  if (plan_.cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<size_t>(*plan_.cpu), &one);
    // A CPU that went away since the start is no reason not to run.
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
  }
  std::string problem = make();
  const bool good = problem.empty();
  if (good) plan_.waker->attach(io_.get());
  ready_.set_value(std::move(problem));
  if (good) turns();
  shard_.reset();
  posts_.clear();
  controls_.nobody_wakes.arrive_and_wait();
  plan_.waker->detach();
  io_.reset();
  ended_.store(true, std::memory_order_release);
}

std::string Loop::make() {
  LoopIoOptions options;
  options.reads_in_flight_max = plan_.reads_in_flight_max;
  options.buffers = plan_.registrations;
  Result<LoopIoChoice> choice = make_io(plan_.io, plan_.probe, options);
  if (!choice) return "cannot read files: " + explain_uring_error(choice.error());
  io_ = std::move(choice.value().io);
  note_ = choice.value().note;
  backend_ = io_->backend();
  for (const LaneSpec& lane : plan_.lanes) {
    Result<std::unique_ptr<Wire>> wire =
        make_wire(lane.wire, *io_, *plan_.clock, *lane.parts.events, *lane.parts.metrics);
    if (!wire) {
      return "destination '" + lane.settings.name + "': " + wire.error().message();
    }
    Post post;
    post.wire = std::move(wire).value();
    LaneParts parts = lane.parts;
    parts.wire = post.wire.get();
    post.cutter =
        std::make_unique<BodyCutter>(make_compressor(lane.compression, lane.level).value());
    parts.cutter = post.cutter.get();
    post.dead = std::make_unique<DeadLetterDesk>(
        std::make_unique<DeadLetterFiles>(lane.dead_directory, lane.settings.name,
                                          lane.dead_bytes_max),
        *plan_.clock, *lane.waker);
    parts.dead = post.dead.get();
    std::string problem = open_spool(lane, post);
    if (!problem.empty()) return problem;
    parts.spool = post.spool.get();
    post.lane = std::make_unique<Lane>(lane.settings, parts, lane.seed);
    posts_.push_back(std::move(post));
  }
  if (plan_.make_shard) shard_ = plan_.make_shard(*io_);
  return {};
}

// Also where nothing new is spooled: what lies there from before is sent.
std::string Loop::open_spool(const LaneSpec& lane, Post& post) {
  auto files = std::make_unique<SpoolFiles>(lane.spool_directory, lane.settings.name);
  const auto present = files->list();
  if (present && present->empty() && lane.settings.spool == SpoolMode::kOff) return {};
  post.spool = std::make_unique<SpoolDesk>(lane.spool, std::move(files), *plan_.clock, *lane.waker);
  const Result<void> opened = post.spool->open();
  if (opened) return {};
  const bool later = opened.error().code == Errc::kUnsupported;
  return "destination '" + lane.settings.name + "': the spool in " + lane.spool_directory +
         " cannot be used: " + opened.error().message() +
         (later ? "; run the version that wrote it, or move the directory away"
                : "; look after its disk and permissions");
}

void Loop::obey() {
  const int64_t deadline = controls_.stop_deadline_ns.load(std::memory_order_acquire);
  if (deadline != 0 && !stop_told_) {
    stop_told_ = true;
    for (Post& post : posts_) post.lane->begin_stop(plan_.clock->mono(), MonoTime(deadline));
  }
  if (controls_.give_back.load(std::memory_order_acquire) && !give_back_told_) {
    give_back_told_ = true;
    for (Post& post : posts_) post.lane->give_back_all();
  }
}

MonoTime Loop::turn_lanes(MonoTime now) {
  MonoTime next = kNever;
  for (Post& post : posts_) next = std::min(next, post.lane->turn(now));
  return next;
}

void Loop::turns() {
  while (!controls_.end.load(std::memory_order_acquire)) {
    obey();
    MonoTime next = kNever;
    if (shard_) {
      // Answers first: they give the credit that the shard is about to ask for.
      turn_lanes(plan_.clock->mono());
      next = shard_->turn(plan_.clock->mono(), plan_.clock->wall());
    }
    next = std::min(next, turn_lanes(plan_.clock->mono()));
    if (plan_.bell != nullptr) plan_.bell->set_asleep(plan_.seat, true);
    io_->wait(next);
    if (plan_.bell != nullptr) plan_.bell->set_asleep(plan_.seat, false);
  }
}

}  // namespace sluice

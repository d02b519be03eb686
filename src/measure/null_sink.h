// SPDX-License-Identifier: Apache-2.0
// null_sink.h — a destination on this machine that takes everything and keeps nothing.
//
// In:      bodies over HTTP/1.1 on the loopback.
// Out:     its URL; every request is answered 200 as soon as its body was read.
// Owns:    a process: `sluice receive --count --raw`, the receiver that ships.
// Thread:  one.
// Limits:  does not unpack or read bodies; costs about 0.3 CPU s per GB of them, on a core of its
//          own if there is one.
// Fails:   start() with a sentence.
// Why so:  what a sender costs can only be measured with a peer that really speaks its protocol,
//          and in another process its cost is not counted.
#pragma once

#include <string>
#include <variant>

#include "measure/child.h"

namespace sluice {

class NullSink {
 public:
  static std::variant<NullSink, std::string> start(const std::string& directory,
                                                   Interrupt& interrupt);
  const std::string& url() const { return url_; }

 private:
  NullSink(Child process, std::string url) : process_(std::move(process)), url_(std::move(url)) {}

  Child process_;
  std::string url_;
};

}  // namespace sluice

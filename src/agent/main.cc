// SPDX-License-Identifier: Apache-2.0
// main.cc — the door of the program: which subcommand was asked for, and its exit code.
#include <cstdio>
#include <span>
#include <string_view>

#include "receive/generate.h"
#include "receive/receive.h"

int main(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  const std::span<char* const> rest(argv + (argc > 1 ? 2 : 1), argv + argc);
  if (command == "receive") return sluice::receive_main(rest);
  if (command == "generate") return sluice::generate_main(rest);
  std::fprintf(stderr, "sluice: choose a command: sluice receive --help, sluice generate --help\n");
  return 78;
}

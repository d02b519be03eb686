// SPDX-License-Identifier: Apache-2.0
// main.cc — the door of the program: which subcommand was asked for, and its exit code.
int main() {
  return 0;
}

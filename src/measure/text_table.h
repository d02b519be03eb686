// SPDX-License-Identifier: Apache-2.0
// text_table.h — columns of text that line up.
//
// In:      a heading and rows of as many cells.
// Out:     one line each, two blanks indented, the first column to the left and the others to the
//          right, no blanks at the end of a line.
// Owns:    the cells.
// Thread:  pure.
// Limits:  a cell counts as wide as it has code points; nothing is cut.
// Why so:  three reports print tables of numbers; a reader compares columns, not sentences.
#pragma once

#include <string>
#include <vector>

namespace sluice {

class TextTable {
 public:
  explicit TextTable(std::vector<std::string> heading);
  // REQUIRES: as many cells as the heading has.
  void add(std::vector<std::string> cells);
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace sluice

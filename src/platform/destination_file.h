// SPDX-License-Identifier: Apache-2.0
// destination_file.h — names of files that belong to a destination: NAME.NUMBER.ending.
//
// In:      a destination's name, which may hold any characters; a number.
// Out:     a file name, and back.
// Owns:    nothing. Thread: any. Pure.
// Limits:  what no file name should hold comes as %XX, so no name can leave its directory.
// Fails:   what is no such name has no number.
// Why so:  dead letters and the spool keep one directory each for all destinations, and people who
//          look into them should see whose files they are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// With the point behind it.
std::string destination_file_stem(std::string_view destination);
// `digits`: at least so many.
std::string destination_file_name(std::string_view destination, uint32_t number, int digits,
                                  std::string_view ending);
// 0: it is none of this destination with this ending.
uint32_t destination_file_number(std::string_view file_name, std::string_view destination,
                                 std::string_view ending);
// Whose file it is; nothing: it is none with this ending.
std::optional<std::string> destination_of_file(std::string_view file_name, std::string_view ending);

}  // namespace sluice

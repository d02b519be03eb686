// SPDX-License-Identifier: Apache-2.0
// config_interpolate.h — replaces ${…} in the values of a configuration file.
//
// In:      a value, and the environment that answers for variables and files.
// Out:     the value with ${NAME}, ${NAME:-default}, ${NAME:?message} and ${file:/path} replaced;
//          or the sentence that says what is missing. $$ before { is a plain $.
// Thread:  pure, but for the file that ${file:…} reads through the environment.
// Limits:  64 KiB per file; one line break at a file's end is not part of the secret. What comes in
//          is not looked at again: a variable that holds ${X} stays as it is, and no YAML can be
//          injected, because the file was parsed before.
// Why so:  an unset variable is an error and not an empty text; an empty token or host name is
//          found much later and at a worse time.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/config_environment.h"
#include "control/config_values.h"

namespace sluice {

// The sentence of a failure stands alone, it does not begin with "expected".
Parsed<std::string> interpolate(std::string_view text, const Environment& environment);

// The same, and the pieces that were put together; none when no ${file:...} is among them.
Parsed<std::string> interpolate(std::string_view text, const Environment& environment,
                                std::vector<SecretPiece>& pieces);

}  // namespace sluice

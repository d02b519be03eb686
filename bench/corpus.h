// SPDX-License-Identifier: Apache-2.0
// corpus.h — the log text that every benchmark runs on.
//
// In:      a shape, a size, a seed.
// Out:     whole lines, the same bytes on every machine for the same arguments.
// Owns:    nothing.
// Thread:  any; pure.
// Limits:  the text ends at the first newline at or after `bytes`.
// Why so:  how a codec and a kernel fare depends on line length, quotes and repetition more than on
//          anything in the code. Three shapes span what agents meet: nginx access lines of about
//          180 bytes with six quotes, JSON application lines of about 265 with forty-two and 48
//          random hexadecimal digits, and worker lines of about 60. All are kept, none tuned away.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

enum class CorpusShape : uint8_t { kNginx, kJsonApp, kShort };
inline constexpr CorpusShape kCorpusShapes[] = {CorpusShape::kNginx, CorpusShape::kJsonApp,
                                                CorpusShape::kShort};

std::string_view name_of(CorpusShape shape);
std::optional<CorpusShape> corpus_shape_of(std::string_view name);

std::string make_corpus(CorpusShape shape, size_t bytes, uint64_t seed = 1);

}  // namespace sluice

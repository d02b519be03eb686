// SPDX-License-Identifier: Apache-2.0
// codecs.h — the compressors of this build, libraries and our own, and the choice among them.
//
// In:      what the user wrote as `compression` and `level`.
// Out:     a Compressor.
// Owns:    see compressor.h. State per compressor, measured: libdeflate 0.2 MiB at level 1, 0.7 to
//          9, 8.6 from 10 on; ISA-L 0.4; zstd 0.6 at 1, 1.3 at 3, 3.5 at 6, 17 at 19. Our own:
//          about 0.5 by the size of its tables, not measured.
// Thread:  one shard each.
// Limits:  gzip 1 to 12, zstd 1 to 19. ISA-L and zstd are optional in a build.
// Fails:   kUnsupported for an encoding that this build lacks, kInvalid for a level out of range,
//          kExhausted when the codec's state cannot be allocated.
// Why so:  kFast is our own encoder (log_deflate.cc) where the CPU has AVX2, else ISA-L where it is
//          built, else libdeflate 1; kAuto is that when behind and level 6 when calm. Raw MB/s of
//          one core and wire bytes per raw byte, 512 KiB bodies of nginx lines: our own 710 .160,
//          ISA-L 1 640 .169, libdeflate 1 240 .161, 4 174 .145, 6 120 .126, 9 37 .117; zstd 1 460
//          .153, 3 470 .157 (no gain), 6 110 .132.
#pragma once

#include <memory>

#include "sluice/compressor.h"
#include "sluice/config.h"

namespace sluice {

Result<std::unique_ptr<Compressor>> make_compressor(Compression encoding, CompressionLevel level);

// Sends bodies as they are.
std::unique_ptr<Compressor> make_identity();
// gzip through libdeflate, level 1 to 12.
Result<std::unique_ptr<Compressor>> make_deflate(int level);
// gzip by the encoder of this project, which knows how log lines repeat; see log_deflate.cc.
std::unique_ptr<Compressor> make_log_deflate();
// Whether this CPU runs it faster than ISA-L: from AVX2 on. With SSE4 it takes 1.3 times as long.
bool log_deflate_is_fastest();
// gzip through ISA-L, level 1 to 3; kUnsupported in a build without it.
Result<std::unique_ptr<Compressor>> make_igzip(int level);
// zstd, level -5 (fastest) to 19; kUnsupported in a build without it.
Result<std::unique_ptr<Compressor>> make_zstd(int level);

}  // namespace sluice

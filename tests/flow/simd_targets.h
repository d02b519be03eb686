// SPDX-License-Identifier: Apache-2.0
// simd_targets.h — runs a test once per instruction set of this machine.
//
// In:      a test body.
// Out:     the body's failures, each with the name of the instruction set.
// Owns:    the choice of Highway for the time of the call; gives it back at the end.
// Thread:  one; the choice is global to the process.
// Limits:  only what this CPU can run: on a machine without AVX-512 those kernels are not tested.
// Why so:  dispatch would test the best kernel of the build machine alone, while users run the
//          rest.
#pragma once

#include <gtest/gtest.h>

#define HWY_WANT_AVX3_DL 1
#include <hwy/highway.h>
#include <hwy/targets.h>

namespace sluice {

template <class Body>
void for_each_simd_target(Body body) {
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

}  // namespace sluice

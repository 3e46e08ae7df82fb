// Loops over floats that run at twice the width where the processor has it.
#pragma once

#include <cstddef>

// A marked function is compiled for AVX2 too and chosen when the program starts. Without fused
// multiply-add in either version, both do the same operations in the same order and give the same
// bits.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CANTAOR_WIDE __attribute__((target_clones("avx2", "default")))
#define CANTAOR_INLINE inline __attribute__((always_inline))
#else
#define CANTAOR_WIDE
#define CANTAOR_INLINE inline
#endif

namespace cantaor {

inline constexpr std::size_t kLanes = 8;

/// Sum over i of term(i), in a fixed order of additions that compilers can vectorise.
template <typename Term>
CANTAOR_INLINE float sum_of(std::size_t size, Term term) {
  float sums[kLanes] = {};
  const std::size_t whole = size / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += term(i + lane);
  float rest = 0;  // apart: a remainder added to the lanes would keep them out of one register
  for (std::size_t i = whole; i < size; ++i) rest += term(i);
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) +
         ((sums[2] + sums[6]) + (sums[3] + (sums[7] + rest)));
}

}  // namespace cantaor

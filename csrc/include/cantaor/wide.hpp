// Loops over floats that run at twice the width where the processor has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

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

// Eight numbers as one value. Compilers unroll loops of eight before they would vectorise them.
using FloatLanes __attribute__((vector_size(32))) = float;
using IntLanes __attribute__((vector_size(32))) = std::int32_t;
using ByteLanes __attribute__((vector_size(8))) = std::int8_t;

template <typename Lanes, typename Value>
CANTAOR_INLINE void load_lanes(Lanes& lanes, const Value* from) {
  static_assert(sizeof(Lanes) == kLanes * sizeof(Value));
  std::memcpy(&lanes, from, sizeof(Lanes));
}

template <typename Lanes, typename Value>
CANTAOR_INLINE void store_lanes(const Lanes& lanes, Value* to) {
  static_assert(sizeof(Lanes) == kLanes * sizeof(Value));
  std::memcpy(to, &lanes, sizeof(Lanes));
}

/// The largest of eight values.
CANTAOR_INLINE float largest_lane(const FloatLanes& lanes) {
  float most = lanes[0];
  for (std::size_t i = 1; i < kLanes; ++i) most = lanes[i] > most ? lanes[i] : most;
  return most;
}

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

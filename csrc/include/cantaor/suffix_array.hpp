// Suffix array and longest common prefixes of a text made of terminated segments.
#pragma once

#include <cstdint>
#include <vector>

#include "cantaor/mining.hpp"

namespace cantaor {

/// Suffixes up to the end of their segment, sorted; equal ones by position.
struct SuffixArray {
  std::vector<std::uint32_t> positions;  // no suffix starts at a terminator
  std::vector<std::uint32_t> owners;     // owner of each of these positions
  std::vector<std::uint32_t> lcp;        // with the suffix before it, lcp[0] = 0
};

/// `text` holds codes 1..alphabet and 0 as the terminator of every segment, so it ends with 0;
/// `owners` tells for every position of the text which sequence it belongs to.
///
/// The first 64 bits of every suffix are sorted by radix; what is still equal is refined by
/// doubling (Larsson, N. J. and Sadakane, K., 2007, "Faster suffix sorting", section 3). Common
/// prefixes come from the sorted bits, longer ones from Kasai et al. (2001), both linear.
SuffixArray build_suffix_array(const std::vector<std::uint32_t>& text,
                               const std::vector<std::uint32_t>& owners, std::uint32_t alphabet,
                               Pulse& pulse);

}  // namespace cantaor

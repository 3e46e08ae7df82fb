// Suffix sorting whose time long repeats do not change.
#pragma once

#include <cstdint>
#include <vector>

#include "cantaor/mining.hpp"
#include "cantaor/suffix_buckets.hpp"

namespace cantaor {

/// Sorts the suffixes of all segments into `out` and returns how many symbols each one shares with
/// the one before it.
///
/// The first 64 bits of every suffix are sorted by radix; what is still equal is refined by
/// doubling (Larsson, N. J. and Sadakane, K., 2007, "Faster suffix sorting", section 3). Common
/// prefixes come from the sorted bits, longer ones from Kasai et al. (2001), both linear.
std::vector<std::uint32_t> sort_by_doubling(const SegmentedText& text, SortedSuffixes& out,
                                            InterruptPoller& poller);

}  // namespace cantaor

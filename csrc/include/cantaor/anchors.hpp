// Content-defined anchors of a signal: places that any copy of the same samples has as well.
//
// Schleimer, Wilkerson and Aiken, "Winnowing: local algorithms for document fingerprinting",
// SIGMOD 2003, doi:10.1145/872757.872770, section 3: hash every window of `window` samples; of
// every `spread` consecutive windows keep the one with the smallest hash (the last such).
// Two signals that share window + spread - 1 consecutive samples, at whatever offset, then have
// an anchor with the same hash at the same place of the shared part, and about one window in
// (spread + 1) / 2 is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cantaor/control.hpp"

namespace cantaor {

struct Anchors {
  std::vector<std::uint64_t> hashes;
  std::vector<std::int64_t> positions;  // ascending, first sample of the window
};

/// Anchors of one signal, in time O(samples) whatever `window` and `spread`.
///
/// Samples are compared bit for bit (0 and -0 are equal). A window with few different values
/// (silence, a constant, the last bits of a converter) would match by chance and is never kept:
/// its values must fall into at least `min_values` of 64 classes.
Anchors find_anchors(std::span<const float> samples, std::size_t window, std::size_t spread,
                     std::size_t min_values, Control& control);

}  // namespace cantaor

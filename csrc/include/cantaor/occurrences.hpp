// Where patterns occur.
#pragma once

#include <cstdint>
#include <vector>

#include "cantaor/mining.hpp"

namespace cantaor {

/// Occurrences of pattern i are offsets[i] .. offsets[i + 1], by sequence, then start; start and
/// end are half-open symbol indices within the sequence.
struct OccurrenceTable {
  std::vector<std::int64_t> offsets, sequence, start, end;
};

/// All overlapping contiguous matches, found in one pass over the sequences for all patterns
/// (Aho, A. V. and Corasick, M. J., 1975, "Efficient string matching").
/// Patterns are sequences too: none may be empty.
OccurrenceTable find_contiguous(const SequencesView& patterns, const SequencesView& sequences,
                                Control& control);

/// Minimal windows: those that embed a pattern with `low` to `high` symbols between neighbours
/// and hold no smaller such window. Patterns share the work on common prefixes.
OccurrenceTable find_minimal_windows(const SequencesView& patterns, const SequencesView& sequences,
                                     std::int64_t low, std::int64_t high, Control& control);

/// Indices of the patterns in lexicographic order.
std::vector<std::uint32_t> lexicographic_order(const SequencesView& patterns);

}  // namespace cantaor

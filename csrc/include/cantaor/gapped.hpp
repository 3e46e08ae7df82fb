// Closed patterns whose neighbouring symbols lie a bounded number of symbols apart.
#pragma once

#include "cantaor/mining.hpp"

namespace cantaor {

/// Closed under the gap: no one-symbol prefix or suffix extension under the same gap has the same
/// support (Li, C. and Wang, J., 2008, "Efficiently mining closed subsequences with gap
/// constraints", section 3). Between neighbours lie `low` to `high` symbols, 0 <= low <= high.
Patterns mine_gapped(const SequencesView& sequences, const MiningOptions& options, std::int64_t low,
                     std::int64_t high, Control& control);

}  // namespace cantaor

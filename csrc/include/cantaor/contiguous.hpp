// Closed contiguous patterns.
#pragma once

#include "cantaor/mining.hpp"

namespace cantaor {

enum class Closure {
  both_sides,  // no one-symbol extension to the left or right has the same support
  right_side   // none to the right has
};

/// Closed substrings from the interval tree of a suffix array (Abouelhoda, M. I., Kurtz, S. and
/// Ohlebusch, E., 2004, "Replacing suffix trees with enhanced suffix arrays", section 4) with the
/// number of sequences below every interval (Hui, L. C. K., 1992, "Color set size problem").
/// Time and memory are linear in the number of symbols, whatever the alphabet; more threads
/// change nothing.
Patterns mine_contiguous(const SequencesView& sequences, const MiningOptions& options,
                         Closure closure, Control& control);

}  // namespace cantaor

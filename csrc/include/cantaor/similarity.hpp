// Where something like a figure stands in rows of steps, within a number of edits.
//
// An edit inserts, deletes or replaces a step, or exchanges two neighbours; no part is edited twice
// (optimal string alignment). A column of the table of distances is held in the bits of one word:
// Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", Nordic
// Journal of Computing 10 (2003), after Myers, doi:10.1145/316542.316550. Searched as Sellers
// does, doi:10.1016/0196-6774(80)90016-4: a match may begin anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cantaor/control.hpp"

namespace cantaor {

/// Most steps of a figure: the bits of a word.
inline constexpr std::size_t kMostSteps = 64;

struct NearFigures {
  std::vector<std::int64_t> starts, ends;  // half-open places; ends ascend
  std::vector<std::int64_t> edits;
};

/// For every place of `text` where a match of at most `most_edits` ends: the fewest edits of a
/// match that ends there, and the latest start among those. A 0 in `text` stands between two
/// phrases. `figure` holds 1 to kMostSteps steps, none of them 0, and more than `most_edits`.
NearFigures find_near_figures(std::span<const std::int32_t> text,
                              std::span<const std::int32_t> figure, std::size_t most_edits,
                              Control& control);

}  // namespace cantaor

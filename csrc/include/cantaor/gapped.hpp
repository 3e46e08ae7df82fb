// Closed patterns whose neighbouring symbols lie a bounded number of symbols apart.
#pragma once

#include <vector>

#include "cantaor/encoding.hpp"
#include "cantaor/mining.hpp"
#include "cantaor/prefix_search.hpp"

namespace cantaor {

/// Closed under the gap: no one-symbol prefix or suffix extension under the same gap has the same
/// support. Between neighbours lie `low` to `high` symbols, 0 <= low <= high. `bitmaps` needs at
/// most 64 frequent symbols and a `high` of at most 62.
///
/// Li, C. and Wang, J. (2008), "Efficiently mining closed subsequences with gap constraints",
/// sections 3 and 4. Unlike with any gap, the first instance of a prefix does not suffice: all ends
/// of instances are kept. Two places differ from programs in circulation: the window before a
/// pattern reaches back to high + 1 symbols, and a subtree is pruned only where the longer pattern
/// covers every entry, not where it has as many.
Patterns mine_gapped(const SequencesView& sequences, const MiningOptions& options, std::int64_t low,
                     std::int64_t high, Control& control, Layout layout = Layout::automatic);

namespace gapped {

inline constexpr std::size_t kMostBitmapSymbols = 64;
inline constexpr std::uint32_t kWidestBitmapGap = 62;

struct Gap {
  std::uint32_t low, high;
};

/// Short sequences leave the least room for an extension: checks that start there end early.
std::vector<std::uint32_t> shortest_first(const SequencesView& sequences);

// Both forget the codes of what is encoded once they have an index.
Patterns mine_bitmaps(const SequencesView& sequences, EncodedSequences& encoded, Gap gap,
                      const MiningOptions& options, Control& control);
Patterns mine_lists(const SequencesView& sequences, EncodedSequences& encoded, Gap gap,
                    const MiningOptions& options, Control& control);

/// Searches below the roots, whose frequent followers the index is told first.
template <class Engine, class Index>
Patterns search_followed(Index& index, const std::vector<Branch>& roots,
                         const EncodedSequences& encoded, const MiningOptions& options,
                         InterruptPoller& poller, Control& control) {
  Engine counter(index, poller);
  index.followers.resize(index.alphabet);
  for (const auto& root : roots)
    index.followers[root.code] = counter.followers(root.entries, options.min_support);
  return search_prefixes<Engine>(index, roots, encoded.symbols, options, control);
}

}  // namespace gapped
}  // namespace cantaor

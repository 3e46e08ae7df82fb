// Closed patterns with any gap.
#pragma once

#include "cantaor/encoding.hpp"
#include "cantaor/mining.hpp"

namespace cantaor {

/// BIDE: Wang, J. and Han, J. (2004), "BIDE: efficient mining of frequent closed sequences".
/// A pattern is closed when no proper super-sequence has the same support. `layout` is a choice
/// of speed and memory alone; `bitmaps` needs at most 256 frequent symbols.
Patterns mine_any_gap(const SequencesView& sequences, const MiningOptions& options,
                      Control& control, Layout layout = Layout::automatic);

namespace bide {

inline constexpr std::size_t kMostBitmapSymbols = 256;

/// Frequent symbols only, every sequence as (first, last) into `codes`, shortest first: a short
/// sequence has the least room for a symbol that would extend a pattern, so checks end early.
struct SortedSequences {
  std::vector<std::uint32_t> codes;
  std::vector<std::uint32_t> offsets{0};

  std::size_t size() const { return offsets.size() - 1; }
  std::span<const std::uint32_t> operator[](std::size_t i) const {
    return std::span(codes).subspan(offsets[i], offsets[i + 1] - offsets[i]);
  }
};

SortedSequences sort_sequences(const SequencesView& sequences, const EncodedSequences& encoded);

Patterns mine_bitmaps(const SortedSequences& sequences, const EncodedSequences& encoded,
                      const MiningOptions& options, Control& control);
Patterns mine_lists(const SortedSequences& sequences, const EncodedSequences& encoded,
                    const MiningOptions& options, Control& control);

}  // namespace bide
}  // namespace cantaor

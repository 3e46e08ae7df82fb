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

/// Sequences that hold frequent symbols, and those alone of each, shortest first: a short sequence
/// has the least room for a symbol that would extend a pattern, so checks end early. Nothing is
/// copied: the codes are looked up when a sequence is read.
class SortedSequences {
 public:
  SortedSequences(const SequencesView& sequences, const EncodedSequences& encoded);

  std::size_t size() const { return order_.size(); }
  std::size_t symbols() const { return symbols_; }
  /// Frequent symbols of sequence i.
  std::size_t length(std::size_t i) const { return lengths_[order_[i]]; }
  /// Their codes, until the next call.
  std::span<const std::uint32_t> read(std::size_t i);

 private:
  const SequencesView& sequences_;
  const EncodedSequences& encoded_;
  std::vector<std::uint32_t> lengths_, order_;
  std::vector<std::uint32_t> codes_;  // of the sequence last read
  std::size_t symbols_ = 0;
};

// Both let go of the sequences and their codes once they have an index.
Patterns mine_bitmaps(SortedSequences sequences, EncodedSequences& encoded,
                      const MiningOptions& options, Control& control);
Patterns mine_lists(SortedSequences sequences, EncodedSequences& encoded,
                    const MiningOptions& options, Control& control);

}  // namespace bide
}  // namespace cantaor

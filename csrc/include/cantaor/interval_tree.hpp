// The tree of intervals of a suffix array, walked bottom-up while the suffixes arrive.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cantaor/contiguous.hpp"
#include "cantaor/suffix_buckets.hpp"

namespace cantaor {

/// Whether some symbol to the left extends a pattern with the same support.
enum class LeftSide : std::uint32_t { closed, extends, unknown };

/// Suffixes first..last (inclusive) that share `length` symbols, no more, in `support` sequences.
struct Interval {
  std::uint32_t first, last, length, support;
  LeftSide left;
  std::uint32_t position;  // of the first one in the text
};

/// Keeps the intervals that no symbol extends to the right with the same support. Where a pattern
/// is no interval, one symbol follows it everywhere. Abouelhoda, Kurtz and Ohlebusch (2004),
/// section 4; sequences are counted as in Hui (1992).
class IntervalTree {
 public:
  IntervalTree(const SegmentedText& text, const SortedSuffixes& suffixes, std::size_t sequences,
               std::int64_t min_support, Closure closure, InterruptPoller& poller);

  /// Suffixes first, first + 1, ...; common[i] symbols are shared with the suffix before.
  void add(std::size_t first, std::span<const std::uint32_t> common);
  /// The suffixes so far may go: those that come share no symbol with them.
  void finish_part();
  /// Whether the left side of an interval so far is not known.
  bool unsettled() const { return unsettled_; }
  /// Intervals of one length in lexicographic order. Of many, the left side may stay unknown.
  std::vector<Interval> finish();

 private:
  struct Open {
    std::uint32_t length, first;
    std::uint32_t repeats;       // suffixes whose sequence was seen before in the interval
    std::uint32_t most_support;  // of an interval right below
    std::uint32_t left;          // the code to the left of all its suffixes, kMixed, or kNothing
  };

  void see(std::uint32_t j);
  void close_above(std::uint32_t length, std::uint32_t last);
  void keep(const Open& done, std::uint32_t last, std::uint32_t support);
  void add_leaf(std::uint32_t j, std::uint32_t next_common);
  LeftSide classify_left_side(const Open& done, std::uint32_t last, std::uint32_t support);
  bool may_look(std::uint64_t looks);
  void count_left(std::uint32_t first, std::uint32_t size, std::uint32_t support);
  bool stands_left(std::uint32_t code, std::uint32_t first, std::uint32_t last,
                   std::uint32_t support);

  const SegmentedText& text_;
  const SortedSuffixes& suffixes_;
  const std::int64_t min_support_;
  const Closure closure_;
  InterruptPoller& poller_;
  std::vector<std::uint32_t> latest_;  // [sequence]
  std::vector<Open> open_;             // from the root to the interval last entered
  std::vector<Interval> found_;
  std::uint32_t size_ = 0, common_before_ = 0;
  bool part_ended_ = true, unsettled_ = false;
  std::vector<std::uint32_t> left_counts_, left_codes_;  // [code]; those that count
  std::vector<std::uint32_t> stamps_;                    // [sequence]
  std::uint32_t stamp_ = 0;
  std::uint64_t looks_left_;  // at suffixes of intervals, before their left side stays unknown
};

}  // namespace cantaor

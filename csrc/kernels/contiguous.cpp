#include "cantaor/contiguous.hpp"

#include <algorithm>
#include <utility>

#include "cantaor/encoding.hpp"
#include "cantaor/interval_tree.hpp"
#include "cantaor/large_pages.hpp"
#include "cantaor/pattern_collector.hpp"
#include "cantaor/suffix_array.hpp"

namespace cantaor {
namespace {

/// Every run of frequent symbols is a segment, since no frequent pattern reaches across an
/// infrequent one.
SegmentedText make_text(const SequencesView& sequences, const EncodedSequences& encoded) {
  SegmentedText text;
  text.alphabet = static_cast<std::uint32_t>(encoded.symbols.size());
  reserve_large(text.codes, sequences.values.size() + sequences.size());
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    bool open = false;
    const auto close = [&] {
      if (!open) return;
      text.segments.push_back(
          {static_cast<std::uint32_t>(text.codes.size()), static_cast<std::uint32_t>(s)});
      text.codes.push_back(0);
      open = false;
    };
    for (auto i = sequences.offsets[s]; i < sequences.offsets[s + 1]; ++i) {
      const std::uint32_t code = encoded.code(static_cast<std::size_t>(i));
      if (code == kNoCode) {
        close();
      } else {
        text.codes.push_back(code + 1);
        open = true;
      }
    }
    close();
  }
  return text;
}

/// Sorted suffixes and the intervals of patterns that are closed to the right.
struct Forest {
  SortedSuffixes suffixes;
  std::vector<Interval> intervals;
};

Forest grow(const SegmentedText& text, std::size_t sequences, std::int64_t min_support,
            Closure closure, InterruptPoller& poller) {
  Forest out;
  // What a part cannot settle takes all suffixes at once.
  for (const bool whole : {false, true}) {
    out = {};
    IntervalTree tree(text, out.suffixes, sequences, min_support, closure, poller);
    const auto settled = [&] { return out.suffixes.whole || !tree.unsettled(); };
    const BucketVisitor visit{
        [&](std::size_t first, std::span<const std::uint32_t> common) { tree.add(first, common); },
        [&] {
          tree.finish_part();
          return settled();
        }};
    if (!sort_in_buckets(text, out.suffixes, visit, whole, poller)) break;
    if (!settled()) continue;
    out.intervals = tree.finish();
    return out;
  }
  // Long repeats: sort by doubling, whose time they do not change.
  out.suffixes = {};
  const auto common = sort_by_doubling(text, out.suffixes, poller);
  IntervalTree tree(text, out.suffixes, sequences, min_support, closure, poller);
  tree.add(0, common);
  out.intervals = tree.finish();
  return out;
}

/// Stable, so that intervals of one length, which are disjoint, stay in lexicographic order.
/// bounds[l] is where length l begins.
std::vector<Interval> order_by_length(const std::vector<Interval>& intervals,
                                      std::vector<std::size_t>& bounds) {
  std::uint32_t longest = 0;
  for (const auto& interval : intervals) longest = std::max(longest, interval.length);
  bounds.assign(std::size_t{longest} + 2, 0);
  for (const auto& interval : intervals) ++bounds[interval.length + 1u];
  for (std::size_t length = 1; length < bounds.size(); ++length)
    bounds[length] += bounds[length - 1];
  auto fill = bounds;
  std::vector<Interval> out(intervals.size());
  for (const auto& interval : intervals) out[fill[interval.length]++] = interval;
  return out;
}

/// Where the last suffix of each interval goes when its first symbol is dropped, by position in
/// the text.
std::vector<std::uint32_t> ranks_of_tails(const std::vector<Interval>& intervals,
                                          const SegmentedText& text, const SortedSuffixes& suffixes,
                                          InterruptPoller& poller) {
  std::vector<std::uint32_t> rank(text.codes.size(), kNoCode);
  for (const auto& interval : intervals) rank[suffixes[interval.last].position + 1] = 0;
  for (std::uint32_t j = 0; j < suffixes.size; ++j) {
    auto& place = rank[suffixes[j].position];
    if (place != kNoCode) place = j;
    poller.spend(1);
  }
  return rank;
}

/// Settles the intervals of which it is not known whether a symbol extends them to the left with
/// the same support. The longer pattern is an interval too, and dropping its first symbol leads
/// from it to the shorter one. Intervals with one first symbol map to ascending ones.
void settle_by_rank(Forest& forest, const SegmentedText& text, InterruptPoller& poller) {
  std::vector<std::size_t> bounds;
  forest.intervals = order_by_length(forest.intervals, bounds);
  auto& [suffixes, intervals] = forest;
  const auto rank = ranks_of_tails(intervals, text, suffixes, poller);
  for (std::size_t length = 2; length + 1 < bounds.size(); ++length) {
    const auto begin = intervals.begin() + static_cast<std::ptrdiff_t>(bounds[length - 1]);
    const auto end = intervals.begin() + static_cast<std::ptrdiff_t>(bounds[length]);
    for (std::size_t i = bounds[length]; i < bounds[length + 1]; ++i) {
      const std::uint32_t target = rank[suffixes[intervals[i].last].position + 1];
      const auto shorter = std::partition_point(
          begin, end, [&](const Interval& other) { return other.last < target; });
      if (shorter != end && shorter->first <= target && shorter->support == intervals[i].support)
        shorter->left = LeftSide::extends;
      poller.spend(8);
    }
  }
  for (auto& interval : intervals)
    if (interval.left == LeftSide::unknown) interval.left = LeftSide::closed;
}

/// Most patterns stand in the key of a suffix, which saves the way to the text while all suffixes
/// are there.
void spell(const Interval& interval, const Forest& forest, const SegmentedText& text,
           const std::vector<std::int32_t>& symbols, std::int32_t* pattern) {
  const auto& suffixes = forest.suffixes;
  const bool in_key =
      suffixes.whole && interval.length <= static_cast<std::uint32_t>(suffixes.symbols);
  for (std::uint32_t k = 0; k < interval.length; ++k) {
    const std::uint32_t code = in_key ? suffixes.code(interval.first, static_cast<int>(k))
                                      : text.codes[interval.position + k];
    pattern[k] = symbols[code - 1];
  }
}

Patterns collect(const Forest& forest, const SegmentedText& text,
                 const std::vector<std::int32_t>& symbols, const MiningOptions& options,
                 InterruptPoller& poller) {
  PatternCollector collector(options);
  RowsByLength rows;
  const auto each_closed = [&](const auto& use) {
    for (const auto& interval : forest.intervals)
      if (interval.left == LeftSide::closed && collector.may_be_kept(interval.length)) {
        use(interval);
        poller.spend(interval.length);
      }
  };
  if (collector.ranked()) {
    PatternChunk nothing;
    std::vector<std::int32_t> pattern;
    each_closed([&](const Interval& interval) {
      pattern.resize(interval.length);
      spell(interval, forest, text, symbols, pattern.data());
      collector.add(nothing, pattern, interval.support);
    });
    return collector.finish({});
  }
  each_closed([&](const Interval& interval) {
    collector.admit();
    rows.count(interval.length);
  });
  auto cursor = rows.allocate();
  each_closed([&](const Interval& interval) {
    spell(interval, forest, text, symbols, rows.place(cursor, interval.length, interval.support));
    poller.control().advance();
  });
  return rows.take();
}

}  // namespace

Patterns mine_contiguous(const SequencesView& sequences, const MiningOptions& options,
                         Closure closure, Control& control) {
  InterruptPoller poller(control, true);
  auto encoded = encode(sequences, options.min_support, poller);
  const SegmentedText text = make_text(sequences, encoded);
  encoded.forget_codes();
  if (text.codes.empty()) return {};
  Forest forest = grow(text, sequences.size(), options.min_support, closure, poller);
  if (std::any_of(forest.intervals.begin(), forest.intervals.end(),
                  [](const Interval& interval) { return interval.left == LeftSide::unknown; }))
    settle_by_rank(forest, text, poller);

  return collect(forest, text, encoded.symbols, options, poller);
}

}  // namespace cantaor

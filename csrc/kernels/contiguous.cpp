#include "cantaor/contiguous.hpp"

#include <algorithm>
#include <utility>

#include "cantaor/collector.hpp"
#include "cantaor/encoding.hpp"
#include "cantaor/suffix_array.hpp"

namespace cantaor {
namespace {

/// Codes from 1; every sequence ends with a 0, and so does every run of frequent symbols, since
/// no frequent pattern reaches across an infrequent one.
struct Text {
  std::vector<std::uint32_t> codes;
  std::vector<std::uint32_t> sequence;  // [position]
};

Text make_text(const SequencesView& sequences, const EncodedSequences& encoded) {
  Text text;
  text.codes.reserve(encoded.codes.size() + sequences.size());
  text.sequence.reserve(encoded.codes.size() + sequences.size());
  const auto append = [&](std::uint32_t code, std::size_t sequence) {
    text.codes.push_back(code);
    text.sequence.push_back(static_cast<std::uint32_t>(sequence));
  };
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    bool open = false;
    for (auto i = sequences.offsets[s]; i < sequences.offsets[s + 1]; ++i) {
      const std::uint32_t code = encoded.codes[static_cast<std::size_t>(i)];
      if (code != kNoCode)
        append(code + 1, s);
      else if (open)
        append(0, s);
      open = code != kNoCode;
    }
    if (open) append(0, s);
  }
  return text;
}

/// Suffixes first..last (inclusive) that share `length` symbols, no more, in `support` sequences.
struct Interval {
  std::uint32_t first, last, length, support;
};

/// Walks the interval tree bottom-up and keeps the intervals that no symbol extends to the right
/// with the same support. Where a pattern is no interval, one symbol follows it everywhere.
class IntervalTree {
 public:
  IntervalTree(const Text& text, const SuffixArray& suffixes, std::size_t sequences,
               std::int64_t min_support, Closure closure, Pulse& pulse)
      : text_(text),
        suffixes_(suffixes),
        min_support_(min_support),
        closure_(closure),
        pulse_(pulse),
        latest_(sequences, kNoCode) {}

  std::vector<Interval> right_closed() {
    const auto size = static_cast<std::uint32_t>(suffixes_.positions.size());
    if (size == 0) return {};
    open_.push_back({0, 0, 0, 0});
    see(0);
    for (std::uint32_t j = 1; j < size; ++j) {
      if (min_support_ == 1) add_leaf(j - 1, suffixes_.lcp[j]);
      close_above(suffixes_.lcp[j], j - 1);
      see(j);
      pulse_.spend(2);
    }
    if (min_support_ == 1) add_leaf(size - 1, 0);
    close_above(0, size - 1);
    return std::move(found_);
  }

 private:
  struct Open {
    std::uint32_t length, first;
    std::uint32_t repeats;       // suffixes whose sequence was seen before in the interval
    std::uint32_t most_support;  // of an interval right below
  };

  // A second suffix of the same sequence is counted off where the two paths meet.
  void see(std::uint32_t j) {
    const std::uint32_t sequence = suffixes_.owners[j];
    const std::uint32_t before = std::exchange(latest_[sequence], j);
    if (before == kNoCode) return;
    const auto holds = std::partition_point(open_.begin(), open_.end(),
                                            [&](const Open& open) { return open.first <= before; });
    ++std::prev(holds)->repeats;
  }

  void close_above(std::uint32_t length, std::uint32_t last) {
    while (open_.back().length > length) {
      const Open done = open_.back();
      open_.pop_back();
      const std::uint32_t support = last - done.first + 1 - done.repeats;
      if (support >= min_support_ && support >= 2 && done.most_support < support)
        found_.push_back({done.first, last, done.length, support});
      if (open_.back().length < length) open_.push_back({length, done.first, 0, 0});
      open_.back().repeats += done.repeats;
      open_.back().most_support = std::max(open_.back().most_support, support);
    }
    if (open_.back().length < length) open_.push_back({length, last, 0, 0});
  }

  // With a least support of 1, a suffix that occurs once ends at its sequence's end and so is
  // closed to the right; to the left only where it is the whole sequence.
  void add_leaf(std::uint32_t j, std::uint32_t next_lcp) {
    const std::uint32_t position = suffixes_.positions[j];
    if (closure_ == Closure::both_sides && position > 0 && text_.codes[position - 1] != 0) return;
    std::uint32_t length = std::max(suffixes_.lcp[j], next_lcp);
    if (text_.codes[position + length] == 0) return;
    while (text_.codes[position + length] != 0) ++length;
    pulse_.spend(length);
    found_.push_back({j, j, length, 1});
  }

  const Text& text_;
  const SuffixArray& suffixes_;
  const std::int64_t min_support_;
  const Closure closure_;
  Pulse& pulse_;
  std::vector<std::uint32_t> latest_;  // [sequence]
  std::vector<Open> open_;             // from the root to the interval last entered
  std::vector<Interval> found_;
};

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
/// the text. Few positions are asked for; a bitmap of them fits into a cache where ranks do not.
std::vector<std::uint32_t> ranks_of_tails(const std::vector<Interval>& intervals, const Text& text,
                                          const SuffixArray& suffixes, Pulse& pulse) {
  std::vector<std::uint64_t> wanted(text.codes.size() / 64 + 1, 0);
  for (const auto& interval : intervals) {
    const std::uint32_t tail = suffixes.positions[interval.last] + 1;
    wanted[tail / 64] |= std::uint64_t{1} << (tail & 63);
    pulse.spend(1);
  }
  std::vector<std::uint32_t> rank(text.codes.size(), 0);
  for (std::uint32_t j = 0; j < suffixes.positions.size(); ++j) {
    const std::uint32_t position = suffixes.positions[j];
    if ((wanted[position / 64] >> (position & 63)) & 1) rank[position] = j;
    pulse.spend(1);
  }
  return rank;
}

/// Marks the intervals that a symbol extends to the left with the same support. If both are
/// closed to the right, the longer pattern is an interval too, and dropping its first symbol leads
/// from it to the shorter one. Intervals with one first symbol map to ascending ones.
std::vector<char> extended_left(const std::vector<Interval>& intervals,
                                const std::vector<std::size_t>& bounds, const Text& text,
                                const SuffixArray& suffixes, Pulse& pulse) {
  const auto rank = ranks_of_tails(intervals, text, suffixes, pulse);
  std::vector<char> extended(intervals.size(), 0);
  for (std::size_t length = 2; length + 1 < bounds.size(); ++length) {
    const auto begin = intervals.begin() + static_cast<std::ptrdiff_t>(bounds[length - 1]);
    const auto end = intervals.begin() + static_cast<std::ptrdiff_t>(bounds[length]);
    for (std::size_t i = bounds[length]; i < bounds[length + 1]; ++i) {
      const std::uint32_t target = rank[suffixes.positions[intervals[i].last] + 1];
      const auto shorter = std::partition_point(
          begin, end, [&](const Interval& other) { return other.last < target; });
      if (shorter != end && shorter->first <= target && shorter->support == intervals[i].support)
        extended[static_cast<std::size_t>(shorter - intervals.begin())] = 1;
      pulse.spend(8);
    }
  }
  return extended;
}

}  // namespace

Patterns mine_contiguous(const SequencesView& sequences, const MiningOptions& options,
                         Closure closure, Control& control) {
  Pulse pulse(control, true);
  auto encoded = encode(sequences, options.min_support, pulse);
  const Text text = make_text(sequences, encoded);
  encoded.codes = {};
  if (text.codes.empty()) return {};
  const auto alphabet = static_cast<std::uint32_t>(encoded.symbols.size());
  const SuffixArray suffixes = build_suffix_array(text.codes, text.sequence, alphabet, pulse);
  auto unordered =
      IntervalTree(text, suffixes, sequences.size(), options.min_support, closure, pulse)
          .right_closed();
  std::vector<std::size_t> bounds;
  const auto intervals = order_by_length(unordered, bounds);
  unordered = {};
  std::vector<char> extended(intervals.size(), 0);
  if (closure == Closure::both_sides)
    extended = extended_left(intervals, bounds, text, suffixes, pulse);

  Collector collector(options);
  PatternChunk chunk;
  std::vector<std::int32_t> pattern;
  for (std::size_t i = 0; i < intervals.size(); ++i) {
    if (extended[i] || !collector.may_be_kept(intervals[i].length)) continue;
    pattern.clear();
    const std::uint32_t start = suffixes.positions[intervals[i].first];
    for (std::uint32_t k = start; k < start + intervals[i].length; ++k)
      pattern.push_back(encoded.symbols[text.codes[k] - 1]);
    collector.add(chunk, pattern, intervals[i].support);
    control.advance();
    pulse.spend(pattern.size());
  }
  std::vector<PatternChunk> chunks;
  chunks.push_back(std::move(chunk));
  return collector.finish(std::move(chunks));
}

}  // namespace cantaor

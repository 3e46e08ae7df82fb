#include "cantaor/occurrences.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "cantaor/encoding.hpp"

namespace cantaor {

std::vector<std::uint32_t> lexicographic_order(const SequencesView& patterns) {
  struct Keyed {
    std::uint64_t key;  // the first symbols, as many as fit
    std::uint32_t pattern;
  };
  const SymbolCodes codes(distinct_symbols(patterns.values));
  const auto bits = static_cast<std::size_t>(std::bit_width(codes.symbols().size()));
  std::vector<Keyed> keyed;
  keyed.reserve(patterns.size());
  for (std::uint32_t i = 0; i < patterns.size(); ++i) {
    const auto pattern = patterns[i];
    std::uint64_t key = 0;
    for (std::size_t k = 0; k < 64 / std::max<std::size_t>(bits, 1); ++k)
      key = key << bits | (k < pattern.size() ? codes(pattern[k]) + 1u : 0u);
    keyed.push_back({key, i});
  }
  std::sort(keyed.begin(), keyed.end(), [&](const Keyed& a, const Keyed& b) {
    if (a.key != b.key) return a.key < b.key;
    const auto x = patterns[a.pattern], y = patterns[b.pattern];
    if (std::lexicographical_compare(x.begin(), x.end(), y.begin(), y.end())) return true;
    return a.pattern < b.pattern && std::equal(x.begin(), x.end(), y.begin(), y.end());
  });
  std::vector<std::uint32_t> order(keyed.size());
  for (std::size_t i = 0; i < keyed.size(); ++i) order[i] = keyed[i].pattern;
  return order;
}

namespace {

std::uint32_t common_prefix(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
  const auto limit = a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size()));
  return static_cast<std::uint32_t>(std::mismatch(a.begin(), limit, b.begin()).first - a.begin());
}

/// The automaton's states are the prefixes of the patterns by length, then lexicographically;
/// state 0 is the empty one. The children of a state follow each other, so memory grows with the
/// number of states, never with the alphabet times that.
class Automaton {
 public:
  Automaton(const SequencesView& patterns, InterruptPoller& poller)
      : codes_(distinct_symbols(patterns.values)),
        root_(codes_.symbols().size(), 0),
        same_(patterns.size(), kNoCode) {
    grow(patterns, poller);
    link(poller);
  }

  std::uint32_t code(std::int32_t symbol) const { return codes_(symbol); }

  std::uint32_t step(std::uint32_t state, std::uint32_t code) const {
    if (code == kNoCode) return 0;
    for (; state != 0; state = states_[state].failure)
      if (const std::uint32_t target = child(state, code); target != 0) return target;
    return root_[code];
  }

  /// The longest state at or above `state` along failures that is a whole pattern, or 0.
  std::uint32_t longest_match(std::uint32_t state) const { return states_[state].match; }
  std::uint32_t next_match(std::uint32_t state) const {
    return states_[states_[state].failure].match;
  }
  std::uint32_t pattern(std::uint32_t state) const { return states_[state].pattern; }
  /// The pattern that stands for an equal one, or kNoCode for those that stand for themselves.
  std::uint32_t stand_in(std::uint32_t pattern) const { return same_[pattern]; }

  /// Counts the states that are whole patterns; kNoCode for all others.
  std::vector<std::uint32_t> number_matches() const {
    std::vector<std::uint32_t> numbers(size(), kNoCode);
    std::uint32_t next = 0;
    for (std::size_t state = 1; state < size(); ++state)
      if (states_[state].pattern != kNoCode) numbers[state] = next++;
    return numbers;
  }

  /// How often each state's pattern matched, from how often each state was reached.
  void sum_matches(std::vector<std::int64_t>& reached) const {
    for (std::size_t state = size(); state-- > 1;)
      reached[states_[state].failure] += reached[state];
  }
  std::size_t size() const { return states_.size() - 1; }

 private:
  struct State {
    std::uint32_t code = 0;         // that led here from the parent
    std::uint32_t first_child = 0;  // children end where those of the next state begin
    std::uint32_t failure = 0, match = 0, pattern = kNoCode;
  };

  std::uint32_t child(std::uint32_t state, std::uint32_t code) const {
    std::uint32_t first = states_[state].first_child, last = states_[state + 1].first_child;
    while (last - first > 8) {
      const std::uint32_t middle = first + (last - first) / 2;
      (states_[middle].code <= code ? first : last) = middle;
    }
    for (; first != last; ++first)
      if (states_[first].code == code) return first;
    return 0;
  }

  // One length after the other over the patterns in lexicographic order: a prefix is new where it
  // differs from that of the pattern before.
  void grow(const SequencesView& patterns, InterruptPoller& poller) {
    struct Open {
      std::uint32_t pattern, shared, state;
    };
    std::vector<Open> open;
    const auto order = lexicographic_order(patterns);
    for (std::size_t i = 0; i < order.size(); ++i)
      open.push_back(
          {order[i], i > 0 ? common_prefix(patterns[order[i - 1]], patterns[order[i]]) : 0, 0});
    states_.emplace_back();
    for (std::uint32_t length = 0; !open.empty(); ++length) {
      std::size_t kept = 0;
      std::uint32_t parent = kNoCode;
      for (const Open& each : open) {
        const auto code = codes_(patterns[each.pattern][length]);
        if (each.shared <= length) {
          if (each.state != parent) begin_children(parent, each.state);
          parent = each.state;
          states_.push_back({code, 0, 0, 0, kNoCode});
          if (length == 0) root_[code] = static_cast<std::uint32_t>(states_.size() - 1);
        }
        const auto state = static_cast<std::uint32_t>(states_.size() - 1);
        if (patterns[each.pattern].size() > length + 1u)
          open[kept++] = {each.pattern, each.shared, state};
        else if (states_[state].pattern == kNoCode)
          states_[state].pattern = each.pattern;
        else
          same_[each.pattern] = states_[state].pattern;
        poller.spend(2);
      }
      begin_children(parent, kNoCode);
      open.resize(kept);
    }
    const auto end = static_cast<std::uint32_t>(states_.size());
    for (; begun_ < end; ++begun_) states_[begun_].first_child = end;
    states_.push_back({0, end, 0, 0, kNoCode});
  }

  // States up to `state` that have no child yet get an empty range before the next state made.
  void begin_children(std::uint32_t parent, std::uint32_t state) {
    if (state == kNoCode || parent == state) return;
    for (; begun_ <= state; ++begun_)
      states_[begun_].first_child = static_cast<std::uint32_t>(states_.size());
  }

  // Failures lead to shorter states, which come first.
  void link(InterruptPoller& poller) {
    for (std::uint32_t state = 0; state < size(); ++state) {
      for (std::uint32_t next = states_[state].first_child; next < states_[state + 1].first_child;
           ++next)
        states_[next].failure = state == 0 ? 0 : step(states_[state].failure, states_[next].code);
      State& here = states_[state];
      here.match = here.pattern != kNoCode ? state : states_[here.failure].match;
      poller.spend(4);
    }
  }

  SymbolCodes codes_;
  std::vector<std::uint32_t> root_;  // [code]: child of the empty prefix
  std::vector<std::uint32_t> same_;  // [pattern]
  std::vector<State> states_;        // one more at the end
  std::uint32_t begun_ = 0;          // states whose first child is known
};

/// A pattern found in the text: where its next end goes, and the longest pattern that ends it.
struct Match {
  std::int64_t cursor = 0;
  std::uint32_t next = kNoCode;
};

// Text positions where each pattern ends, pattern after pattern; matched[i] is the longest match
// that ends at position i.
std::vector<std::uint32_t> find_ends(const std::vector<std::uint32_t>& matched,
                                     std::vector<Match>& matches, std::size_t total,
                                     InterruptPoller& poller) {
  std::vector<std::uint32_t> ends(total);
  for (std::uint32_t position = 0; position < matched.size(); ++position) {
    for (std::uint32_t i = matched[position]; i != kNoCode; i = matches[i].next) {
      ends[static_cast<std::size_t>(matches[i].cursor++)] = position;
      poller.spend(2);
    }
    poller.spend(1);
  }
  return ends;
}

// Sequence, start and end from text positions; equal patterns read the same ones.
void fill_columns(OccurrenceTable& table, const std::vector<std::uint32_t>& ends,
                  const std::vector<std::size_t>& first_end, const SequencesView& patterns,
                  const SequencesView& sequences, InterruptPoller& poller) {
  std::vector<std::uint32_t> sequence_of(sequences.values.size());
  for (std::uint32_t s = 0; s < sequences.size(); ++s)
    std::fill(sequence_of.begin() + sequences.offsets[s],
              sequence_of.begin() + sequences.offsets[s + 1u], s);
  for (std::size_t p = 0; p < patterns.size(); ++p) {
    const auto length = static_cast<std::int64_t>(patterns[p].size());
    const auto first = static_cast<std::size_t>(table.offsets[p]);
    const auto count = static_cast<std::size_t>(table.offsets[p + 1]) - first;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t position = ends[first_end[p] + i];
      const std::uint32_t sequence = sequence_of[position];
      const std::int64_t end = std::int64_t{position} + 1 - sequences.offsets[sequence];
      table.sequence[first + i] = sequence;
      table.start[first + i] = end - length;
      table.end[first + i] = end;
    }
    poller.spend(count);
  }
}

}  // namespace

OccurrenceTable find_contiguous(const SequencesView& patterns, const SequencesView& sequences,
                                Control& control) {
  InterruptPoller poller(control, true);
  const Automaton automaton(patterns, poller);
  const std::vector<std::uint32_t> match_of = automaton.number_matches();
  std::vector<std::uint32_t> matched(sequences.values.size());
  std::vector<std::int64_t> reached(automaton.size(), 0);
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    std::uint32_t state = 0;
    for (auto i = sequences.offsets[s]; i < sequences.offsets[s + 1]; ++i) {
      const auto position = static_cast<std::size_t>(i);
      state = automaton.step(state, automaton.code(sequences.values[position]));
      matched[position] = match_of[automaton.longest_match(state)];
      ++reached[state];
      poller.spend(4);
    }
  }
  automaton.sum_matches(reached);

  // Where the ends of each pattern's matches go; equal patterns share them.
  std::vector<Match> matches;
  std::vector<std::size_t> first_end(patterns.size(), 0);
  std::vector<std::int64_t> count(patterns.size(), 0);
  std::int64_t total = 0;
  for (std::uint32_t state = 1; state < automaton.size(); ++state) {
    const std::uint32_t pattern = automaton.pattern(state);
    if (pattern == kNoCode) continue;
    matches.push_back({total, match_of[automaton.next_match(state)]});
    count[pattern] = reached[state];
    first_end[pattern] = static_cast<std::size_t>(total);
    total += reached[state];
  }
  OccurrenceTable table;
  table.offsets.assign(1, 0);
  for (std::uint32_t p = 0; p < patterns.size(); ++p) {
    const auto source = automaton.stand_in(p) == kNoCode ? p : automaton.stand_in(p);
    first_end[p] = first_end[source];
    table.offsets.push_back(table.offsets.back() + count[source]);
  }
  const auto ends = find_ends(matched, matches, static_cast<std::size_t>(total), poller);
  matched = {};
  for (auto* column : {&table.sequence, &table.start, &table.end})
    column->resize(static_cast<std::size_t>(table.offsets.back()));
  fill_columns(table, ends, first_end, patterns, sequences, poller);
  return table;
}

}  // namespace cantaor

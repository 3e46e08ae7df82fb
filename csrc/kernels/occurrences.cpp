#include "cantaor/occurrences.hpp"

#include <algorithm>
#include <bit>

#include "cantaor/encoding.hpp"

namespace cantaor {

std::vector<std::uint32_t> lexicographic_order(const SequencesView& patterns) {
  std::vector<std::uint32_t> order(patterns.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const auto x = patterns[a], y = patterns[b];
    const bool less = std::lexicographical_compare(x.begin(), x.end(), y.begin(), y.end());
    const bool equal = !less && std::equal(x.begin(), x.end(), y.begin(), y.end());
    return less || (equal && a < b);
  });
  return order;
}

namespace {

/// Edges (state, code) -> state in open addressing: memory follows the number of edges, never the
/// alphabet times the number of states.
class Edges {
 public:
  explicit Edges(std::size_t expected)
      : slots_(std::bit_ceil(2 * expected + 2)), shift_(64 - std::countr_zero(slots_.size())) {}

  void insert(std::uint32_t state, std::uint32_t code, std::uint32_t target) {
    std::size_t slot = home(state, code);
    while (slots_[slot].target != 0) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = {state, code, target};
  }

  /// 0 where there is no such edge: no edge leads to the root.
  std::uint32_t find(std::uint32_t state, std::uint32_t code) const {
    std::size_t slot = home(state, code);
    while (slots_[slot].target != 0) {
      if (slots_[slot].state == state && slots_[slot].code == code) return slots_[slot].target;
      slot = (slot + 1) & (slots_.size() - 1);
    }
    return 0;
  }

 private:
  struct Slot {
    std::uint32_t state = 0, code = 0, target = 0;
  };
  std::size_t home(std::uint32_t state, std::uint32_t code) const {
    const std::uint64_t key = std::uint64_t{state} << 32 | code;
    return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15ull) >> shift_);
  }
  std::vector<Slot> slots_;
  int shift_;
};

/// The automaton's states are prefixes of patterns; state 0 is the empty one.
class Automaton {
 public:
  Automaton(const SequencesView& patterns, Pulse& pulse)
      : codes_(distinct_symbols(patterns.values)), edges_(patterns.values.size()) {
    grow({}, 0);
    first_pattern_.assign(1, kNoCode);
    same_.assign(patterns.size(), kNoCode);
    const auto order = lexicographic_order(patterns);
    std::vector<std::uint32_t> path{0};  // states of the prefixes of the last pattern
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto pattern = patterns[order[i]];
      std::size_t shared = 0;
      if (i > 0) {
        const auto last = patterns[order[i - 1]];
        const auto limit = std::min(last.size(), pattern.size());
        while (shared < limit && last[shared] == pattern[shared]) ++shared;
      }
      path.resize(shared + 1);
      for (std::size_t k = shared; k < pattern.size(); ++k)
        path.push_back(add(path.back(), codes_(pattern[k])));
      // Equal patterns follow each other: the first one stands for all.
      if (first_pattern_[path.back()] == kNoCode)
        first_pattern_[path.back()] = order[i];
      else
        same_[order[i]] = first_pattern_[path.back()];
      pulse.spend(pattern.size() + 1);
    }
    link(pulse);
  }

  std::uint32_t code(std::int32_t symbol) const { return codes_(symbol); }

  std::uint32_t step(std::uint32_t state, std::uint32_t code) const {
    if (code == kNoCode) return 0;
    for (;; state = failure_[state]) {
      const std::uint32_t target = edges_.find(state, code);
      if (target != 0 || state == 0) return target;
    }
  }

  /// The longest state at or above `state` along failures that is a whole pattern, or 0.
  std::uint32_t longest_match(std::uint32_t state) const { return match_[state]; }
  std::uint32_t next_match(std::uint32_t state) const { return match_[failure_[state]]; }
  std::uint32_t pattern(std::uint32_t state) const { return first_pattern_[state]; }
  std::uint32_t stand_in(std::uint32_t pattern) const { return same_[pattern]; }
  std::uint32_t length(std::uint32_t state) const { return depth_[state]; }

  /// How often each state's pattern matched, from how often each state was reached.
  void sum_matches(std::vector<std::int64_t>& reached) const {
    for (std::size_t i = by_depth_.size(); i-- > 0;)
      reached[failure_[by_depth_[i]]] += reached[by_depth_[i]];
  }
  std::size_t size() const { return depth_.size(); }

 private:
  struct Origin {
    std::uint32_t parent = 0, code = 0;
  };

  std::uint32_t grow(Origin origin, std::uint32_t depth) {
    origin_.push_back(origin);
    depth_.push_back(depth);
    first_pattern_.push_back(kNoCode);
    return static_cast<std::uint32_t>(depth_.size() - 1);
  }

  std::uint32_t add(std::uint32_t parent, std::uint32_t code) {
    const std::uint32_t state = grow({parent, code}, depth_[parent] + 1);
    edges_.insert(parent, code, state);
    return state;
  }

  // Failures lead to shorter states, so states are linked by depth.
  void link(Pulse& pulse) {
    by_depth_.resize(size() - 1);
    for (std::uint32_t i = 0; i < by_depth_.size(); ++i) by_depth_[i] = i + 1;
    std::stable_sort(by_depth_.begin(), by_depth_.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return depth_[a] < depth_[b]; });
    failure_.assign(size(), 0);
    match_.assign(size(), 0);
    for (const auto state : by_depth_) {
      const Origin origin = origin_[state];
      if (origin.parent != 0) failure_[state] = step(failure_[origin.parent], origin.code);
      match_[state] = first_pattern_[state] != kNoCode ? state : match_[failure_[state]];
      pulse.spend(4);
    }
  }

  SymbolCodes codes_;
  Edges edges_;
  std::vector<Origin> origin_;
  std::vector<std::uint32_t> depth_, failure_, match_, first_pattern_, same_, by_depth_;
};

}  // namespace

OccurrenceTable find_contiguous(const SequencesView& patterns, const SequencesView& sequences,
                                Control& control) {
  Pulse pulse(control, true);
  const Automaton automaton(patterns, pulse);
  std::vector<std::uint32_t> states(sequences.values.size());
  std::vector<std::int64_t> matches(automaton.size(), 0);
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    std::uint32_t state = 0;
    for (auto i = sequences.offsets[s]; i < sequences.offsets[s + 1]; ++i) {
      const auto position = static_cast<std::size_t>(i);
      state = automaton.step(state, automaton.code(sequences.values[position]));
      states[position] = state;
      ++matches[state];
      pulse.spend(4);
    }
  }
  automaton.sum_matches(matches);

  OccurrenceTable table;
  table.offsets.assign(patterns.size() + 1, 0);
  for (std::uint32_t state = 1; state < automaton.size(); ++state)
    if (automaton.pattern(state) != kNoCode)
      table.offsets[automaton.pattern(state) + 1u] = matches[state];
  for (std::uint32_t i = 0; i < patterns.size(); ++i)
    if (automaton.stand_in(i) != kNoCode)
      table.offsets[i + 1] = table.offsets[automaton.stand_in(i) + 1];
  for (std::size_t i = 0; i < patterns.size(); ++i) table.offsets[i + 1] += table.offsets[i];
  const auto total = static_cast<std::size_t>(table.offsets.back());
  table.sequence.resize(total);
  table.start.resize(total);
  table.end.resize(total);

  auto& cursor = matches;  // per state, from here on
  for (std::uint32_t state = 1; state < automaton.size(); ++state)
    if (automaton.pattern(state) != kNoCode)
      cursor[state] = table.offsets[automaton.pattern(state)];
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const auto first = sequences.offsets[s];
    for (auto i = first; i < sequences.offsets[s + 1]; ++i) {
      auto state = automaton.longest_match(states[static_cast<std::size_t>(i)]);
      for (; state != 0; state = automaton.next_match(state)) {
        const auto place = static_cast<std::size_t>(cursor[state]++);
        table.sequence[place] = static_cast<std::int64_t>(s);
        table.start[place] = i + 1 - first - automaton.length(state);
        table.end[place] = i + 1 - first;
        pulse.spend(4);
      }
      pulse.spend(1);
    }
  }
  for (std::uint32_t i = 0; i < patterns.size(); ++i) {
    const auto stand_in = automaton.stand_in(i);
    if (stand_in == kNoCode) continue;
    const auto size = table.offsets[i + 1u] - table.offsets[i];
    for (auto* column : {&table.sequence, &table.start, &table.end})
      std::copy_n(column->begin() + table.offsets[stand_in], size,
                  column->begin() + table.offsets[i]);
    pulse.spend(static_cast<std::size_t>(size));
  }
  return table;
}

}  // namespace cantaor

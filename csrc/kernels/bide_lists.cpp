// BIDE over plain lists, for any alphabet: growing a pattern reads the symbols behind its first
// instance once. Symbol q is the first of its kind behind position p exactly where the previous
// one of its kind lies at or before p, so no per-sequence bookkeeping is needed.
//
// Wang and Han (2004): pseudo-projection (section 4.1), bi-directional extension checks (4.2),
// BackScan (4.3), ScanSkip (4.4).
#include <algorithm>
#include <limits>
#include <utility>

#include "cantaor/bide.hpp"
#include "cantaor/large_pages.hpp"
#include "cantaor/prefix_search.hpp"

namespace cantaor::bide {
namespace {

/// Symbols one after the other; position 0 and the end of every sequence hold a stop.
template <class Code>
struct ListIndex {
  std::uint32_t alphabet;
  std::vector<Code> codes;              // [position], `alphabet` for a stop
  std::vector<std::uint32_t> previous;  // [position] of the same code in its sequence, or 0

  ListIndex(SortedSequences& sequences, std::size_t symbols)
      : alphabet(static_cast<std::uint32_t>(symbols)) {
    const std::size_t size = sequences.symbols() + sequences.size() + 1;
    reserve_large(codes, size);
    reserve_large(previous, size);
    std::vector<std::uint32_t> seen(alphabet, 0);
    add(alphabet, 0);
    for (std::size_t s = 0; s < sequences.size(); ++s) {
      const auto start = static_cast<std::uint32_t>(codes.size());
      for (const auto code : sequences.read(s)) {
        const std::uint32_t before = seen[code] >= start ? seen[code] : 0;
        seen[code] = static_cast<std::uint32_t>(codes.size());
        add(code, before);
      }
      add(alphabet, 0);
    }
  }

  void add(std::uint32_t code, std::uint32_t before) {
    codes.push_back(static_cast<Code>(code));
    previous.push_back(before);
  }
  std::uint32_t first_of(std::uint32_t position) const {
    while (codes[position - 1] != alphabet) --position;
    return position;
  }
  std::uint32_t end_of(std::uint32_t position) const {
    while (codes[position] != alphabet) ++position;
    return position;
  }
};

template <class Code>
class ListEngine {
 public:
  using Index = ListIndex<Code>;
  ListEngine(const Index& index, InterruptPoller& poller)
      : index_(index),
        poller_(poller),
        counts_(index.alphabet, 0),
        touched_(index.alphabet + 1),
        outputs_(index.alphabet, nullptr),
        marks_(index.alphabet, 0) {}

  bool expand(std::span<const std::uint32_t> pattern, const Branch& branch, std::int64_t threshold,
              bool grow, Arena& arena, std::vector<Branch>& children) {
    const std::size_t first_child = children.size();
    const bool extends_forward = count(branch, threshold, children);
    grow = grow && children.size() > first_child;
    if (extends_forward && !grow) {
      children.resize(first_child);
      return false;
    }
    fresh_ = true;
    const bool extends_backward = !extends_forward && extends(pattern, branch.entries, false);
    if (grow && (extends_forward || extends_backward) && extends(pattern, branch.entries, true))
      grow = false;
    if (grow)
      project(branch.entries, arena, std::span(children).subspan(first_child));
    else
      children.resize(first_child);
    return !extends_forward && !extends_backward;
  }

 private:
  // Appends the symbols that follow in enough sequences; says whether one follows in all. Gives
  // up once no symbol can reach the threshold any more.
  bool count(const Branch& branch, std::int64_t threshold, std::vector<Branch>& children) {
    const auto least = static_cast<std::size_t>(threshold);
    const std::size_t size = branch.entries.size(), first_child = children.size();
    std::size_t touched = 0, steps = 0;
    std::size_t next_look = size - std::min(size, least) + 32;
    for (std::size_t i = 0; i < size; ++i) {
      const std::uint32_t entry = branch.entries[i];
      std::uint32_t position = entry + 1;
      for (;; ++position) {
        const std::uint32_t code = index_.codes[position];
        if (code == index_.alphabet) break;
        const bool first = index_.previous[position] <= entry;
        touched_[touched] = code;
        touched += first && counts_[code] == 0;
        counts_[code] += first;
      }
      steps += position - entry;
      if (i < next_look) continue;
      if (best(touched) + (size - i - 1) < least) {
        for (std::size_t t = 0; t < touched; ++t) counts_[touched_[t]] = 0;
        return false;
      }
      next_look = i + next_look / 2;
    }
    poller_.spend(steps);
    bool extends_forward = false;
    for (std::size_t t = 0; t < touched; ++t) {
      const std::uint32_t code = touched_[t], support = counts_[code];
      counts_[code] = 0;
      if (support < least) continue;
      extends_forward |= support == branch.support;
      children.push_back({code, support, {}});
    }
    std::sort(children.begin() + static_cast<std::ptrdiff_t>(first_child), children.end(),
              [](const Branch& a, const Branch& b) { return a.code < b.code; });
    return extends_forward;
  }

  std::size_t best(std::size_t touched) const {
    std::uint32_t most = 0;
    for (std::size_t t = 0; t < touched; ++t) most = std::max(most, counts_[touched_[t]]);
    return most;
  }

  void project(std::span<const std::uint32_t> entries, Arena& arena, std::span<Branch> children) {
    for (auto& child : children) {
      std::uint32_t* const out = arena.allocate(child.support);
      outputs_[child.code] = out;
      child.entries = {out, child.support};
    }
    std::size_t steps = 0;
    for (const auto entry : entries) {
      std::uint32_t position = entry + 1;
      for (;; ++position) {
        const std::uint32_t code = index_.codes[position];
        if (code == index_.alphabet) break;
        if (outputs_[code] != nullptr && index_.previous[position] <= entry)
          *outputs_[code]++ = position;
      }
      steps += position - entry;
    }
    for (const auto& child : children) outputs_[child.code] = nullptr;
    poller_.spend(steps);
  }

  // Whether some symbol stands in the same period of every sequence. Periods end at the last
  // instance (maximum periods: backward extension) or at the last-in-first appearances
  // (semi-maximum periods: BackScan, which goes on with what the wider periods left).
  bool extends(std::span<const std::uint32_t> pattern, std::span<const std::uint32_t> entries,
               bool semi_maximum) {
    for (const auto entry : entries) {
      bound_periods(pattern, entry, semi_maximum);
      if (fresh_)
        fill(pattern.size());
      else
        filter(pattern.size());
      fresh_ = false;
      if (alive_.empty()) return false;
    }
    return true;
  }

  void bound_periods(std::span<const std::uint32_t> pattern, std::uint32_t entry,
                     bool semi_maximum) {
    const std::uint32_t first = index_.first_of(entry);
    const std::uint32_t stop = semi_maximum ? entry + 1 : index_.end_of(entry);
    starts_.resize(pattern.size());
    stops_.resize(pattern.size());
    std::uint32_t position = first;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      starts_[i] = position;
      while (index_.codes[position] != pattern[i]) ++position;
      ++position;
    }
    position = stop;
    for (std::size_t i = pattern.size(); i-- > 0;) {
      while (index_.codes[--position] != pattern[i]) {
      }
      stops_[i] = position;
    }
    poller_.spend(stop - first);
  }

  void fill(std::size_t periods) {
    alive_.clear();
    bounds_.assign(1, 0);
    for (std::size_t i = 0; i < periods; ++i) {
      for (std::uint32_t position = starts_[i]; position < stops_[i]; ++position)
        if (index_.previous[position] < starts_[i]) alive_.push_back(index_.codes[position]);
      bounds_.push_back(alive_.size());
    }
    poller_.spend(alive_.size());
  }

  void filter(std::size_t periods) {
    std::size_t kept = 0, read = 0, steps = 0;
    for (std::size_t i = 0; i < periods; ++i) {
      if (read < bounds_[i + 1]) {
        ++mark_;
        for (std::uint32_t position = starts_[i]; position < stops_[i]; ++position)
          marks_[index_.codes[position]] = mark_;
        if (starts_[i] < stops_[i]) steps += stops_[i] - starts_[i];
        for (; read < bounds_[i + 1]; ++read)
          if (marks_[alive_[read]] == mark_) alive_[kept++] = alive_[read];
      }
      bounds_[i + 1] = kept;
    }
    alive_.resize(kept);
    poller_.spend(steps);
  }

  const Index& index_;
  InterruptPoller& poller_;
  std::vector<std::uint32_t> counts_, touched_;
  std::vector<std::uint32_t*> outputs_;
  std::vector<std::uint64_t> marks_;
  std::uint64_t mark_ = 0;
  std::vector<std::uint32_t> starts_, stops_;
  std::vector<std::uint32_t> alive_;  // symbols left in every period, period after period
  std::vector<std::size_t> bounds_;   // where each period's symbols end in alive_
  bool fresh_ = true;
};

template <class Code>
ListIndex<Code> make_index(SortedSequences sequences, EncodedSequences& encoded) {
  ListIndex<Code> index(sequences, encoded.symbols.size());
  encoded.forget_codes();
  return index;
}

template <class Code>
Patterns mine(SortedSequences&& sequences, EncodedSequences& encoded, const MiningOptions& options,
              Control& control) {
  const auto index = make_index<Code>(std::move(sequences), encoded);
  const auto first_instances = [&](auto put) {
    for (std::uint32_t position = 0; position < index.codes.size(); ++position)
      if (index.codes[position] != index.alphabet && index.previous[position] == 0)
        put(index.codes[position], position);
  };
  const Roots roots = group_roots(encoded.support, encoded.support, first_instances);
  return search_prefixes<ListEngine<Code>>(index, roots.branches, encoded.symbols, options,
                                           control);
}

}  // namespace

Patterns mine_lists(SortedSequences sequences, EncodedSequences& encoded,
                    const MiningOptions& options, Control& control) {
  if (encoded.symbols.empty()) return {};
  const bool narrow = encoded.symbols.size() <= std::numeric_limits<std::uint16_t>::max();
  return narrow ? mine<std::uint16_t>(std::move(sequences), encoded, options, control)
                : mine<std::uint32_t>(std::move(sequences), encoded, options, control);
}

}  // namespace cantaor::bide

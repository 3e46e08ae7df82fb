// Pattern growth under a gap constraint over plain lists: an entry is every position where an
// instance ends. Entries ascend, so the windows that may hold the next symbol ascend too and every
// position is read once per pattern.
#include <algorithm>
#include <limits>

#include "cantaor/gapped.hpp"
#include "cantaor/prefix_search.hpp"

namespace cantaor::gapped {
namespace {

template <class Code>
struct GappedIndex {
  std::uint32_t alphabet, low, high;
  std::vector<Code> codes;              // [position], `alphabet` for infrequent symbols
  std::vector<std::uint32_t> sequence;  // [position]
  std::vector<std::uint32_t> first;     // [sequence], one more at the end
  std::vector<std::vector<std::uint32_t>> followers;  // of each code within one gap, ascending

  GappedIndex(const SequencesView& sequences, const EncodedSequences& encoded, Gap gap)
      : alphabet(static_cast<std::uint32_t>(encoded.symbols.size())), low(gap.low), high(gap.high) {
    const auto order = shortest_first(sequences);
    codes.reserve(sequences.values.size());
    sequence.reserve(sequences.values.size());
    first.reserve(order.size() + 1);
    for (std::uint32_t s = 0; s < order.size(); ++s) {
      first.push_back(static_cast<std::uint32_t>(codes.size()));
      for (auto i = sequences.offsets[order[s]]; i < sequences.offsets[order[s] + 1u]; ++i) {
        const std::uint32_t code = encoded.code(static_cast<std::size_t>(i));
        codes.push_back(static_cast<Code>(std::min(code, alphabet)));
        sequence.push_back(s);
      }
    }
    first.push_back(static_cast<std::uint32_t>(codes.size()));
  }

  std::uint32_t end_of(std::uint32_t position) const { return first[sequence[position] + 1]; }

  /// Calls visit(position) once for every position `low` to `high` symbols behind an entry.
  template <class Visit>
  void windows_behind(std::span<const std::uint32_t> entries, const Visit& visit) const {
    std::uint64_t next = 0;
    for (const auto entry : entries) {
      const std::uint64_t stop =
          std::min(std::uint64_t{entry} + high + 2, std::uint64_t{end_of(entry)});
      std::uint64_t position = std::max(next, std::uint64_t{entry} + low + 1);
      for (; position < stop; ++position) visit(static_cast<std::uint32_t>(position));
      next = std::max(next, stop);
    }
  }

  /// The same before the entries; positions descend.
  template <class Visit>
  void windows_before(std::span<const std::uint32_t> entries, const Visit& visit) const {
    std::uint64_t next = codes.size();  // one past the last position not visited yet
    for (std::size_t i = entries.size(); i-- > 0;) {
      const std::uint64_t start = first[sequence[entries[i]]];
      const std::uint64_t entry = entries[i];
      const std::uint64_t stop = entry > start + high ? entry - high - 1 : start;
      if (entry < start + low + 1) continue;
      for (std::uint64_t position = std::min(next, entry - low); position > stop; --position)
        visit(static_cast<std::uint32_t>(position - 1));
      next = std::min(next, stop);
    }
  }
};

template <class Code>
class GappedEngine {
 public:
  using Index = GappedIndex<Code>;
  GappedEngine(const Index& index, InterruptPoller& poller)
      : index_(index),
        poller_(poller),
        counts_(index.alphabet + 1u),
        outputs_(index.alphabet + 1u, nullptr),
        marks_(index.alphabet + 1u, 0) {}

  bool expand(std::span<const std::uint32_t> pattern, const Branch& branch, std::int64_t threshold,
              bool grow, Arena& arena, std::vector<Branch>& children) {
    const std::size_t first_child = children.size();
    const auto& candidates = index_.followers[branch.code];
    bool closed = true;
    count(branch.entries, candidates);
    for (const auto code : candidates) {
      const Count& found = counts_[code];
      if (found.support < threshold) continue;
      closed = closed && found.support != branch.support;
      children.push_back({code, found.support, {}});
    }
    grow = grow && children.size() > first_child;
    // A pattern that a suffix extends is not closed; only a subtree is worth more looking.
    const bool extends_backward = (closed || grow) && extends(pattern, branch.entries);
    if (grow && extends_backward)
      for (const auto code : alive_)
        if (covers(code, pattern, branch.entries)) {
          grow = false;
          break;
        }
    if (grow)
      project(branch.entries, arena, std::span(children).subspan(first_child));
    else
      children.resize(first_child);
    return closed && !extends_backward;
  }

  /// Frequent symbols behind a single symbol, ascending.
  std::vector<std::uint32_t> followers(std::span<const std::uint32_t> entries,
                                       std::int64_t threshold) {
    std::vector<std::uint32_t> touched;
    index_.windows_behind(entries, [&](std::uint32_t position) {
      const std::uint32_t code = index_.codes[position];
      if (counts_[code].entries == 0) touched.push_back(code);
      counts_[code].add(index_.sequence[position]);
    });
    poller_.spend(entries.size() + touched.size());
    std::vector<std::uint32_t> frequent;
    for (const auto code : touched) {
      if (counts_[code].support >= threshold && code != index_.alphabet) frequent.push_back(code);
      counts_[code] = {};
    }
    std::sort(frequent.begin(), frequent.end());
    return frequent;
  }

 private:
  struct Count {
    std::uint32_t support = 0, entries = 0, last = kNoCode;
    void add(std::uint32_t sequence) {
      ++entries;
      support += last != sequence;
      last = sequence;
    }
  };

  // Counts of the candidates alone are set to zero before and valid behind.
  void count(std::span<const std::uint32_t> entries, const std::vector<std::uint32_t>& candidates) {
    for (const auto code : candidates) counts_[code] = {};
    if (candidates.empty()) return;
    std::size_t steps = 0;
    index_.windows_behind(entries, [&](std::uint32_t position) {
      counts_[index_.codes[position]].add(index_.sequence[position]);
      ++steps;
    });
    poller_.spend(steps + candidates.size());
  }

  void project(std::span<const std::uint32_t> entries, Arena& arena, std::span<Branch> children) {
    for (auto& child : children) {
      const std::uint32_t size = counts_[child.code].entries;
      outputs_[child.code] = arena.allocate(size);
      child.entries = {outputs_[child.code], size};
    }
    std::size_t steps = 0;
    index_.windows_behind(entries, [&](std::uint32_t position) {
      auto*& out = outputs_[index_.codes[position]];
      if (out != nullptr) *out++ = position;
      ++steps;
    });
    for (const auto& child : children) outputs_[child.code] = nullptr;
    poller_.spend(steps);
  }

  // Entries of one sequence, from `i` on.
  std::span<const std::uint32_t> run(std::span<const std::uint32_t> entries, std::size_t i) const {
    const std::uint32_t end = index_.end_of(entries[i]);
    std::size_t last = i + 1;
    while (last < entries.size() && entries[last] < end) ++last;
    return entries.subspan(i, last - i);
  }

  // Where the instances that end at `ends` (one sequence) begin, descending then reversed.
  void find_starts(std::span<const std::uint32_t> pattern, std::span<const std::uint32_t> ends) {
    starts_.assign(ends.begin(), ends.end());
    for (std::size_t i = pattern.size() - 1; i-- > 0;) {
      other_.clear();
      index_.windows_before(starts_, [&](std::uint32_t position) {
        if (index_.codes[position] == pattern[i]) other_.push_back(position);
      });
      starts_.assign(other_.rbegin(), other_.rend());
      poller_.spend(other_.size() + 4);
    }
  }

  // Whether one symbol stands before an instance in every sequence; alive_ keeps those symbols.
  bool extends(std::span<const std::uint32_t> pattern, std::span<const std::uint32_t> entries) {
    alive_.clear();
    for (std::size_t i = 0; i < entries.size();) {
      const auto ends = run(entries, i);
      find_starts(pattern, ends);
      ++mark_;
      found_.clear();
      index_.windows_before(starts_, [&](std::uint32_t position) {
        const std::uint32_t code = index_.codes[position];
        if (marks_[code] != mark_ && code != index_.alphabet) found_.push_back(code);
        marks_[code] = mark_;
      });
      if (i == 0)
        alive_ = found_;
      else
        std::erase_if(alive_, [&](std::uint32_t code) { return marks_[code] != mark_; });
      if (alive_.empty()) return false;
      poller_.spend(starts_.size() + found_.size());
      i += ends.size();
    }
    return true;
  }

  // Whether instances of the pattern with `code` in front end at every entry: then whatever
  // extends the pattern extends the longer one as well, and nothing below is closed.
  bool covers(std::uint32_t code, std::span<const std::uint32_t> pattern,
              std::span<const std::uint32_t> entries) {
    for (std::size_t i = 0; i < entries.size();) {
      const auto ends = run(entries, i);
      find_starts(pattern, ends);
      std::erase_if(starts_, [&](std::uint32_t start) { return !stands_before(code, start); });
      for (std::size_t k = 1; k < pattern.size(); ++k) {
        other_.clear();
        index_.windows_behind(starts_, [&](std::uint32_t position) {
          if (index_.codes[position] == pattern[k]) other_.push_back(position);
        });
        std::swap(starts_, other_);
      }
      if (starts_.size() != ends.size()) return false;
      i += ends.size();
    }
    return true;
  }

  bool stands_before(std::uint32_t code, std::uint32_t start) const {
    bool found = false;
    index_.windows_before({&start, 1}, [&](std::uint32_t position) {
      found = found || index_.codes[position] == code;
    });
    return found;
  }

  const Index& index_;
  InterruptPoller& poller_;
  std::vector<Count> counts_;
  std::vector<std::uint32_t*> outputs_;
  std::vector<std::uint64_t> marks_;
  std::uint64_t mark_ = 0;
  std::vector<std::uint32_t> starts_, other_, alive_, found_;
};

template <class Code>
Patterns mine(const SequencesView& sequences, EncodedSequences& encoded, Gap gap,
              const MiningOptions& options, Control& control) {
  InterruptPoller poller(control, true);
  GappedIndex<Code> index(sequences, encoded, gap);
  encoded.forget_codes();
  std::vector<std::uint32_t> counts(index.alphabet + std::size_t{1}, 0);
  for (const auto code : index.codes) ++counts[code];
  counts.pop_back();  // of what is not frequent
  const auto instances = [&](auto put) {
    for (std::uint32_t position = 0; position < index.codes.size(); ++position)
      if (index.codes[position] != index.alphabet) put(index.codes[position], position);
  };
  const Roots roots = group_roots(counts, encoded.support, instances);
  return search_followed<GappedEngine<Code>>(index, roots.branches, encoded, options, poller,
                                             control);
}

}  // namespace

Patterns mine_lists(const SequencesView& sequences, EncodedSequences& encoded, Gap gap,
                    const MiningOptions& options, Control& control) {
  const bool narrow = encoded.symbols.size() <= std::numeric_limits<std::uint16_t>::max();
  return narrow ? mine<std::uint16_t>(sequences, encoded, gap, options, control)
                : mine<std::uint32_t>(sequences, encoded, gap, options, control);
}

}  // namespace cantaor::gapped

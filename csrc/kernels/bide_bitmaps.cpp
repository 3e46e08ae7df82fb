// BIDE over bitmaps, for at most 256 frequent symbols. Each sequence takes whole blocks of 64
// positions, and for every block and symbol one word says where the symbol stands. The next or
// previous occurrence, and whether a symbol stands between two positions, are a few bit operations.
//
// Wang and Han (2004): pseudo-projection to first instances (section 4.1), bi-directional
// extension checks (4.2), BackScan pruning (4.3), ScanSkip (4.4). An entry is the position where
// the first instance of the pattern ends; positions of other symbols of first and last
// instances are found again when a check needs them, which ends after a few sequences.
#include <bit>
#include <type_traits>
#include <utility>

#include "cantaor/bide.hpp"
#include "cantaor/code_set.hpp"
#include "cantaor/prefix_search.hpp"
#include "cantaor/sliced_counter.hpp"

namespace cantaor::bide {
namespace {

using Word = std::uint64_t;
constexpr Word kAll = ~Word{0};

Word from(std::uint32_t position) {
  return kAll << (position & 63);
}
Word above(std::uint32_t position) {
  return (kAll << 1) << (position & 63);
}
Word below(std::uint32_t position) {
  return ~from(position);
}

/// A set of codes as it is kept for every position: `Kept` is a word wide enough for the alphabet,
/// or the set itself.
template <std::size_t Words, class Kept>
CodeSet<Words> as_set(const Kept& kept) {
  if constexpr (std::is_integral_v<Kept>)
    return {{kept}};
  else
    return kept;
}

template <std::size_t Words_, class Kept>
struct BitmapIndex {
  static constexpr std::size_t Words = Words_;
  using Set = CodeSet<Words>;

  std::uint32_t alphabet;
  std::uint32_t single_block_end = 0;     // sequences of one block come before this position
  std::vector<Word> bits;                 // [block * alphabet + code]
  std::vector<Kept> kept_after;           // [position]: codes behind it in its sequence
  std::vector<std::uint8_t> text;         // [position]
  std::vector<std::uint32_t> first, end;  // [block]: bounds of the block's sequence

  BitmapIndex(SortedSequences& sequences, std::size_t symbols)
      : alphabet(static_cast<std::uint32_t>(symbols)) {
    std::size_t blocks = 0;
    for (std::size_t i = 0; i < sequences.size(); ++i) blocks += (sequences.length(i) + 63) / 64;
    bits.assign(blocks * alphabet, 0);
    kept_after.assign(blocks * 64, Kept{});
    text.assign(blocks * 64, 0);
    first.resize(blocks);
    end.resize(blocks);
    std::uint32_t start = 0;
    for (std::size_t i = 0; i < sequences.size(); ++i) start = add(sequences.read(i), start);
  }

  std::uint32_t add(std::span<const std::uint32_t> sequence, std::uint32_t start) {
    const auto length = static_cast<std::uint32_t>(sequence.size());
    const std::uint32_t blocks = (length + 63) / 64;
    for (std::uint32_t block = start / 64; block < start / 64 + blocks; ++block) {
      first[block] = start;
      end[block] = start + length;
    }
    Set behind;
    for (std::uint32_t i = length; i-- > 0;) {
      const std::uint32_t position = start + i;
      if constexpr (std::is_integral_v<Kept>)
        kept_after[position] = static_cast<Kept>(behind.words[0]);
      else
        kept_after[position] = behind;
      behind.insert(sequence[i]);
      text[position] = static_cast<std::uint8_t>(sequence[i]);
      word(position / 64, sequence[i]) |= Word{1} << (position & 63);
    }
    if (blocks == 1) single_block_end = start + 64;
    return start + blocks * 64;
  }

  Set after(std::uint32_t position) const { return as_set<Words>(kept_after[position]); }
  Word& word(std::size_t block, std::uint32_t code) { return bits[block * alphabet + code]; }
  Word word(std::size_t block, std::uint32_t code) const { return bits[block * alphabet + code]; }

  /// First position of the code at or behind `position`; it must exist.
  std::uint32_t next(std::uint32_t code, std::uint32_t position) const {
    std::size_t block = position / 64;
    Word found = word(block, code) & from(position);
    while (found == 0) found = word(++block, code);
    return static_cast<std::uint32_t>(block * 64) +
           static_cast<std::uint32_t>(std::countr_zero(found));
  }

  /// Last position of the code before `position`; it must exist.
  std::uint32_t previous(std::uint32_t code, std::uint32_t position) const {
    std::size_t block = position / 64;
    Word found = (position & 63) == 0 ? 0 : word(block, code) & below(position);
    while (found == 0) found = word(--block, code);
    return static_cast<std::uint32_t>(block * 64 + 63) -
           static_cast<std::uint32_t>(std::countl_zero(found));
  }

  /// Which of `candidates` stand in [begin, stop).
  Set between(std::uint32_t begin, std::uint32_t stop, Set candidates) const {
    Set seen;
    if (begin >= stop) return seen;
    if (stop - begin <= candidates.size()) {
      for (std::uint32_t position = begin; position < stop; ++position) seen.insert(text[position]);
      return seen &= candidates;
    }
    const std::uint32_t first_block = begin / 64, last_block = (stop - 1) / 64;
    for (std::uint32_t block = first_block; block <= last_block; ++block) {
      Word window = kAll;
      if (block == first_block) window &= from(begin);
      if (block == last_block) window &= ~above(stop - 1);
      const Word* row = bits.data() + std::size_t{block} * alphabet;
      candidates.for_each([&](std::uint32_t code) {
        if (row[code] & window) seen.insert(code);
      });
      if (block < last_block) candidates.remove(seen);
    }
    return seen;
  }
};

template <class IndexType>
class BitmapEngine {
 public:
  using Index = IndexType;
  static constexpr std::size_t Words = Index::Words;
  using Set = CodeSet<Words>;
  BitmapEngine(const Index& index, InterruptPoller& poller)
      : index_(index), poller_(poller), everything_(Set::all_below(index.alphabet)) {}

  bool expand(std::span<const std::uint32_t> pattern, const Branch& branch, std::int64_t threshold,
              bool grow, Arena& arena, std::vector<Branch>& children) {
    count(branch.entries, static_cast<std::uint64_t>(threshold));
    const Set frequent = at_least(static_cast<std::uint64_t>(threshold));
    Set everywhere = at_least(branch.support);
    everywhere &= frequent;
    const bool extends_forward = !everywhere.empty();
    grow = grow && !frequent.empty();
    if (extends_forward && !grow) return false;
    alive_.assign(pattern.size(), everything_);
    const bool extends_backward = !extends_forward && extends(pattern, branch.entries, false);
    if (grow && (extends_forward || extends_backward) && extends(pattern, branch.entries, true))
      return false;
    if (grow)
      frequent.for_each(
          [&](std::uint32_t code) { children.push_back(child(code, branch.entries, arena)); });
    return !extends_forward && !extends_backward;
  }

 private:
  // In how many sequences each symbol follows. Gives up, with all counts zero, once no symbol can
  // reach the threshold any more.
  void count(std::span<const std::uint32_t> entries, std::uint64_t threshold) {
    counters_ = {};
    const std::size_t size = entries.size();
    std::size_t next_look = size - std::min<std::uint64_t>(size, threshold);
    next_look += next_look / 4 + 32;
    std::size_t i = 0;
    for (; i + 8 <= size; i += 8) {
      for (std::size_t w = 0; w < Words; ++w) {
        std::array<Word, 8> words;
        for (std::size_t j = 0; j < 8; ++j) words[j] = index_.after(entries[i + j]).words[w];
        counters_[w].add8(words);
      }
      if (i < next_look) continue;
      const std::uint64_t open = size - i - 8;
      if (open < threshold && at_least(threshold - open).empty()) {
        counters_ = {};
        return;
      }
      next_look = i + next_look / 2;
    }
    for (; i < size; ++i)
      for (std::size_t w = 0; w < Words; ++w) counters_[w].add(index_.after(entries[i]).words[w]);
  }

  Set at_least(std::uint64_t threshold) const {
    Set out;
    for (std::size_t w = 0; w < Words; ++w) out.words[w] = counters_[w].at_least(threshold);
    return out;
  }

  Branch child(std::uint32_t code, std::span<const std::uint32_t> entries, Arena& arena) {
    const std::uint32_t support = counters_[code / 64].count(code & 63);
    std::uint32_t* const out = arena.allocate(support + 1);  // one more: written, then dropped
    std::size_t size = 0, i = 0;
    for (; i < entries.size() && entries[i] < index_.single_block_end; ++i) {
      const std::uint32_t entry = entries[i];
      const Word found = index_.word(entry / 64, code) & above(entry);
      out[size] = (entry & ~63u) + (static_cast<std::uint32_t>(std::countr_zero(found)) & 63u);
      size += found != 0;
    }
    for (; i < entries.size(); ++i)
      if (index_.after(entries[i]).contains(code)) out[size++] = index_.next(code, entries[i] + 1);
    poller_.spend(entries.size());
    return {code, support, {out, support}};
  }

  // Whether some symbol stands in the same period of every sequence; alive_[i] keeps the symbols
  // that stood in period i so far. Periods end at the last instance (maximum periods: backward
  // extension), or at the last-in-first appearances (semi-maximum periods: BackScan).
  bool extends(std::span<const std::uint32_t> pattern, std::span<const std::uint32_t> entries,
               bool semi_maximum) {
    std::size_t low = 0, high = pattern.size();  // periods outside have no symbol left
    starts_.resize(high);
    for (const auto entry : entries) {
      const std::uint32_t block = entry / 64;
      std::uint32_t position = index_.first[block];
      for (std::size_t i = 0; i + 1 < high; ++i) {
        starts_[i] = position;
        position = index_.next(pattern[i], position) + 1;
      }
      starts_[high - 1] = position;
      position = semi_maximum ? entry + 1 : index_.end[block];
      for (std::size_t i = pattern.size(); i-- > low;) {
        position = index_.previous(pattern[i], position);
        if (i < high && !alive_[i].empty())
          alive_[i] = index_.between(starts_[i], position, alive_[i]);
      }
      while (high > low && alive_[high - 1].empty()) --high;
      while (low < high && alive_[low].empty()) ++low;
      if (low == high) return false;
      poller_.spend(pattern.size());
    }
    return true;
  }

  const Index& index_;
  InterruptPoller& poller_;
  const Set everything_;
  std::array<SlicedCounter, Words> counters_;
  std::vector<Set> alive_;
  std::vector<std::uint32_t> starts_;
};

template <class Index>
Index make_index(SortedSequences sequences, EncodedSequences& encoded) {
  Index index(sequences, encoded.symbols.size());
  encoded.forget_codes();
  return index;
}

template <std::size_t Words, class Kept = CodeSet<Words>>
Patterns mine(SortedSequences&& sequences, EncodedSequences& encoded, const MiningOptions& options,
              Control& control) {
  using Index = BitmapIndex<Words, Kept>;
  const auto index = make_index<Index>(std::move(sequences), encoded);
  const auto first_instances = [&](auto put) {
    for (std::uint32_t block = 0; block < index.first.size(); ++block) {
      const std::uint32_t start = index.first[block];
      if (start != block * 64) continue;
      CodeSet<Words> present = index.after(start);
      present.insert(index.text[start]);
      present.for_each([&](std::uint32_t code) { put(code, index.next(code, start)); });
    }
  };
  const Roots roots = group_roots(encoded.support, encoded.support, first_instances);
  return search_prefixes<BitmapEngine<Index>>(index, roots.branches, encoded.symbols, options,
                                              control);
}

}  // namespace

Patterns mine_bitmaps(SortedSequences sequences, EncodedSequences& encoded,
                      const MiningOptions& options, Control& control) {
  const std::size_t alphabet = encoded.symbols.size();
  if (alphabet == 0) return {};
  if (alphabet <= 8) return mine<1, std::uint8_t>(std::move(sequences), encoded, options, control);
  if (alphabet <= 16)
    return mine<1, std::uint16_t>(std::move(sequences), encoded, options, control);
  if (alphabet <= 32)
    return mine<1, std::uint32_t>(std::move(sequences), encoded, options, control);
  if (alphabet <= 64) return mine<1>(std::move(sequences), encoded, options, control);
  if (alphabet <= 128) return mine<2>(std::move(sequences), encoded, options, control);
  return mine<4>(std::move(sequences), encoded, options, control);
}

}  // namespace cantaor::bide

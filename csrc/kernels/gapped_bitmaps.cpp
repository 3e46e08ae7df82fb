// Pattern growth under a gap constraint over bitmaps, for at most 64 frequent symbols. Each
// sequence takes whole blocks of 64 positions; for every block and symbol one word says where the
// symbol stands. An entry is a block and the positions in it where an instance ends: shifting the
// word by every gap allowed gives all windows behind (or before) them at once.
#include <algorithm>
#include <array>
#include <bit>

#include "cantaor/code_set.hpp"
#include "cantaor/gapped.hpp"
#include "cantaor/prefix_search.hpp"
#include "cantaor/sliced_counter.hpp"

namespace cantaor::gapped {
namespace {

using Word = std::uint64_t;

struct Cell {
  std::uint32_t block;
  Word word;
};

// Cells as they stand among the entries of a branch.
constexpr std::size_t kCell = 3;
Cell cell_at(std::span<const std::uint32_t> entries, std::size_t i) {
  return {entries[i], Word{entries[i + 2]} << 32 | entries[i + 1]};
}
std::uint32_t* put(std::uint32_t* out, std::uint32_t block, Word word) {
  out[0] = block;
  out[1] = static_cast<std::uint32_t>(word);
  out[2] = static_cast<std::uint32_t>(word >> 32);
  return out + kCell;
}

struct Index {
  std::uint32_t alphabet, nearest, span;  // distance of the nearest neighbour, how many follow it
  std::uint32_t single_end = 0;           // sequences of one block come before this block
  std::vector<Word> bits;                 // [block * alphabet + code]
  std::vector<std::uint32_t> first;       // [block]: first block of its sequence; one more
  std::vector<Word> followers;            // of each code within one gap: set of codes

  Index(const SequencesView& sequences, const EncodedSequences& encoded, Gap gap)
      : alphabet(static_cast<std::uint32_t>(encoded.symbols.size())),
        nearest(gap.low + 1),
        span(gap.high - gap.low + 1) {
    std::size_t blocks = 0;
    for (std::size_t s = 0; s < sequences.size(); ++s) blocks += (sequences[s].size() + 63) / 64;
    first.reserve(blocks + 1);
    bits.assign(blocks * alphabet, 0);
    for (const auto s : shortest_first(sequences)) {
      const auto offset = static_cast<std::size_t>(sequences.offsets[s]);
      const std::size_t length = sequences[s].size();
      const auto start = static_cast<std::uint32_t>(first.size());
      first.resize(first.size() + (length + 63) / 64, start);
      for (std::size_t i = 0; i < length; ++i) {
        const std::uint32_t code = encoded.code(offset + i);
        if (code == kNoCode) continue;
        bits[(start + i / 64) * alphabet + code] |= Word{1} << (i & 63);
      }
      if (length <= 64) single_end = static_cast<std::uint32_t>(first.size());
    }
    first.push_back(kNoCode);
  }

  const Word* row(std::uint32_t block) const { return bits.data() + std::size_t{block} * alphabet; }

  // Positions behind those of `word`; what passes the end of the block goes to `beyond`.
  Word behind(Word word, Word& beyond) const {
    Word high = 0;
    for (std::uint32_t covered = 1, step; covered < span; covered += step) {
      step = std::min(covered, span - covered);
      high |= high << step | word >> (64 - step);
      word |= word << step;
    }
    beyond = high << nearest | word >> (64 - nearest);
    return word << nearest;
  }
  // Positions before those of `word`; what passes the start of the block goes to `beyond`.
  Word before(Word word, Word& beyond) const {
    Word low = 0;
    for (std::uint32_t covered = 1, step; covered < span; covered += step) {
      step = std::min(covered, span - covered);
      low |= low >> step | word << (64 - step);
      word |= word >> step;
    }
    beyond = low >> nearest | word << (64 - nearest);
    return word >> nearest;
  }
};

class BitmapEngine {
 public:
  using Index = gapped::Index;
  BitmapEngine(const Index& index, InterruptPoller& poller)
      : index_(index), poller_(poller), all_(CodeSet<1>::all_below(index.alphabet).words[0]) {}

  bool expand(std::span<const std::uint32_t> pattern, const Branch& branch, std::int64_t threshold,
              bool grow, Arena& arena, std::vector<Branch>& children) {
    look_behind(branch.entries, index_.followers[branch.code]);
    count();
    const Word frequent = support_.at_least(static_cast<Word>(threshold));
    const bool extends_forward = (support_.at_least(branch.support) & frequent) != 0;
    grow = grow && frequent != 0;
    // A pattern that a suffix extends is not closed; only a subtree is worth more looking.
    const bool extends_backward = (!extends_forward || grow) && extends(pattern, branch.entries);
    if (grow && !(extends_backward && covered(pattern, branch.entries)))
      project(frequent, arena, children);
    return !extends_forward && !extends_backward;
  }

  /// Frequent symbols behind a single symbol.
  Word followers(std::span<const std::uint32_t> entries, std::int64_t threshold) {
    look_behind(entries, all_);
    count();
    return support_.at_least(static_cast<Word>(threshold)) & all_;
  }

 private:
  struct Window {
    std::uint32_t block;
    Word positions, codes;  // codes: those that stand at one of the positions
  };

  void look_behind(std::span<const std::uint32_t> entries, Word candidates) {
    windows_.clear();
    for (std::size_t i = 0; i < entries.size(); i += kCell) {
      const auto [block, word] = cell_at(entries, i);
      Word beyond;
      const Word window = index_.behind(word, beyond);
      if (block >= index_.single_end && !windows_.empty() && windows_.back().block == block)
        windows_.back().positions |= window;
      else
        windows_.push_back({block, window, 0});
      if (beyond != 0 && index_.first[block + 1] == index_.first[block])
        windows_.push_back({block + 1, beyond, 0});
    }
    for (auto& window : windows_)
      window.codes = codes_at(index_.row(window.block), window.positions, candidates);
    poller_.spend(4 * windows_.size());
  }

  static Word codes_at(const Word* row, Word positions, Word candidates) {
    Word found = 0;
    for (Word open = candidates; open != 0; open &= open - 1) {
      const int code = std::countr_zero(open);
      found |= Word{(row[code] & positions) != 0} << code;
    }
    return found;
  }

  // In how many sequences each code stands in a window, and in how many windows.
  void count() {
    support_ = {};
    std::size_t i = 0;
    const std::size_t size = windows_.size();
    for (; i + 8 <= size && windows_[i + 7].block < index_.single_end; i += 8) {
      std::array<Word, 8> codes;
      for (std::size_t j = 0; j < 8; ++j) codes[j] = windows_[i + j].codes;
      support_.add8(codes);
    }
    for (; i < size && windows_[i].block < index_.single_end; ++i) support_.add(windows_[i].codes);
    cells_ = support_;
    while (i < size) {
      const std::uint32_t sequence = index_.first[windows_[i].block];
      Word codes = 0;
      for (; i < size && index_.first[windows_[i].block] == sequence; ++i) {
        codes |= windows_[i].codes;
        cells_.add(windows_[i].codes);
      }
      support_.add(codes);
    }
  }

  void project(Word codes, Arena& arena, std::vector<Branch>& children) {
    std::array<std::uint32_t*, 64> outputs;
    for (Word open = codes; open != 0; open &= open - 1) {
      const auto code = static_cast<unsigned>(std::countr_zero(open));
      const std::size_t size = kCell * cells_.count(code);
      outputs[code] = arena.allocate(size);
      children.push_back({code, support_.count(code), {outputs[code], size}});
    }
    for (const auto& window : windows_) {
      const Word* const row = index_.row(window.block);
      for (Word open = window.codes & codes; open != 0; open &= open - 1) {
        const auto code = static_cast<unsigned>(std::countr_zero(open));
        outputs[code] = put(outputs[code], window.block, row[code] & window.positions);
      }
    }
    poller_.spend(4 * windows_.size());
  }

  // The words of one sequence from its first block on, beginning with the entry at i; moves i on.
  void gather(std::span<const std::uint32_t> entries, std::size_t& i) {
    first_ = index_.first[entries[i]];
    ends_.clear();
    for (; i < entries.size() && index_.first[entries[i]] == first_; i += kCell) {
      const auto [block, word] = cell_at(entries, i);
      ends_.resize(block - first_ + 1, 0);
      ends_.back() = word;
    }
  }

  void step_back(std::vector<Word>& words) const {
    for (std::size_t b = 0; b < words.size(); ++b) {
      Word beyond;
      words[b] = index_.before(words[b], beyond);
      if (b > 0) words[b - 1] |= beyond;
    }
  }
  void step_on(std::vector<Word>& words) const {
    for (std::size_t b = words.size(); b-- > 0;) {
      Word beyond;
      words[b] = index_.behind(words[b], beyond);
      if (b + 1 < words.size()) words[b + 1] |= beyond;
    }
  }
  void keep(std::vector<Word>& words, std::uint32_t code) const {
    for (std::size_t b = 0; b < words.size(); ++b)
      words[b] &= index_.row(first_ + static_cast<std::uint32_t>(b))[code];
  }
  // Where the instances that end at ends_ begin.
  void find_starts(std::span<const std::uint32_t> pattern) {
    words_ = ends_;
    for (std::size_t i = pattern.size() - 1; i-- > 0;) {
      step_back(words_);
      keep(words_, pattern[i]);
    }
    poller_.spend(pattern.size() * words_.size());
  }

  // Whether one symbol stands before an instance in every sequence; alive_ keeps those symbols.
  bool extends(std::span<const std::uint32_t> pattern, std::span<const std::uint32_t> entries) {
    alive_ = all_;
    for (std::size_t i = 0; i < entries.size() && alive_ != 0;) {
      if (entries[i] < index_.single_end) {
        const auto [block, ends] = cell_at(entries, i);
        const Word* const row = index_.row(block);
        alive_ = codes_at(row, before_starts(pattern, row, ends), alive_);
        i += kCell;
      } else {
        gather(entries, i);
        find_starts(pattern);
        step_back(words_);
        Word found = 0;
        for (std::size_t b = 0; b < words_.size(); ++b)
          found |= codes_at(index_.row(first_ + static_cast<std::uint32_t>(b)), words_[b], alive_);
        alive_ = found;
      }
    }
    return alive_ != 0;
  }

  // Where a symbol may stand before the instances that end at `ends`, inside one block.
  Word before_starts(std::span<const std::uint32_t> pattern, const Word* row, Word ends) {
    Word beyond;
    for (std::size_t i = pattern.size() - 1; i-- > 0;)
      ends = index_.before(ends, beyond) & row[pattern[i]];
    poller_.spend(pattern.size());
    return index_.before(ends, beyond);
  }

  // Whether, for a symbol alive, instances of the pattern with the symbol in front end at every
  // entry: then whatever extends the pattern extends the longer one, and nothing below is closed.
  bool covered(std::span<const std::uint32_t> pattern, std::span<const std::uint32_t> entries) {
    for (Word open = alive_; open != 0; open &= open - 1)
      if (covered_by(static_cast<std::uint32_t>(std::countr_zero(open)), pattern, entries))
        return true;
    return false;
  }

  bool covered_by(std::uint32_t code, std::span<const std::uint32_t> pattern,
                  std::span<const std::uint32_t> entries) {
    for (std::size_t i = 0; i < entries.size();) {
      gather(entries, i);
      find_starts(pattern);
      starts_ = words_;
      words_.assign(words_.size(), ~Word{0});
      keep(words_, code);
      step_on(words_);
      for (std::size_t b = 0; b < words_.size(); ++b) words_[b] &= starts_[b];
      for (std::size_t k = 1; k < pattern.size(); ++k) {
        step_on(words_);
        keep(words_, pattern[k]);
      }
      if (words_ != ends_) return false;
    }
    return true;
  }

  const Index& index_;
  InterruptPoller& poller_;
  const Word all_;
  Word alive_ = 0;
  std::vector<Window> windows_;
  SlicedCounter support_, cells_;
  std::uint32_t first_ = 0;  // block where the words below begin
  std::vector<Word> ends_, starts_, words_;
};

}  // namespace

Patterns mine_bitmaps(const SequencesView& sequences, EncodedSequences& encoded, Gap gap,
                      const MiningOptions& options, Control& control) {
  if (encoded.symbols.empty()) return {};
  InterruptPoller poller(control, true);
  Index index(sequences, encoded, gap);
  encoded.forget_codes();
  const auto blocks = static_cast<std::uint32_t>(index.first.size() - 1);
  std::vector<std::vector<std::uint32_t>> entries(index.alphabet);
  std::vector<Branch> roots;
  for (std::uint32_t code = 0; code < index.alphabet; ++code) {
    auto& out = entries[code];
    std::size_t cells = 0;
    for (std::uint32_t block = 0; block < blocks; ++block) cells += index.row(block)[code] != 0;
    out.reserve(cells * kCell);
    for (std::uint32_t block = 0; block < blocks; ++block)
      if (const Word word = index.row(block)[code]; word != 0) {
        out.resize(out.size() + kCell);
        put(out.data() + out.size() - kCell, block, word);
      }
    roots.push_back({code, encoded.support[code], out});
    poller.spend(blocks);
  }
  return search_followed<BitmapEngine>(index, roots, encoded, options, poller, control);
}

}  // namespace cantaor::gapped

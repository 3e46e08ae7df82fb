#include "cantaor/suffix_array.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace cantaor {
namespace {

constexpr std::uint32_t kUnknown = 0xffffffffu;
constexpr std::size_t kSmallGroup = 1 << 14;

struct Suffix {
  std::uint64_t key;
  std::uint32_t position, owner;
};

// Stable sort by bits [low, high) of the keys, eight at a time; bytes all keys share are skipped.
// The sorted items are in one of the two places: the pointer returned says in which.
template <class Item, class Key>
Item* radix_sort(Item* items, Item* spare, std::size_t size, int low, int high, const Key& key,
                 Pulse& pulse) {
  constexpr std::size_t kSlice = 1 << 16;
  const auto digit = [&](const Item& item, std::size_t pass) {
    return (key(item) >> (low + 8 * static_cast<int>(pass))) & 255u;
  };
  const auto passes = static_cast<std::size_t>((high - low + 7) / 8);
  std::array<std::array<std::size_t, 256>, 8> places{};
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t pass = 0; pass < passes; ++pass) ++places[pass][digit(items[i], pass)];
    if (i % kSlice == 0) pulse.beat();
  }
  for (std::size_t pass = 0; pass < passes; ++pass) {
    auto& place = places[pass];
    if (size == 0 || place[digit(items[0], pass)] == size) continue;
    std::size_t total = 0;
    for (auto& count : place) total += std::exchange(count, total);
    for (std::size_t i = 0; i < size; ++i) {
      spare[place[digit(items[i], pass)]++] = items[i];
      if (i % kSlice == 0) pulse.beat();
    }
    std::swap(items, spare);
  }
  return items;
}

template <class Item, class Key>
void radix_sort(std::vector<Item>& items, std::vector<Item>& spare, int bits, const Key& key,
                Pulse& pulse) {
  spare.resize(items.size());
  if (radix_sort(items.data(), spare.data(), items.size(), 0, bits, key, pulse) != items.data())
    items.swap(spare);
}

std::uint64_t key_of(const Suffix& suffix) {
  return suffix.key;
}

// Sorts suffixes that agree above bit `high` from `source` into `target` by the lowest `high` bits,
// then position. Few suffixes share their leading bits, so those above `low` are sorted by radix
// and the short runs that remain by comparison; long runs mean repetitive text.
void sort_bucket(Suffix* source, Suffix* target, std::size_t size, int low, int high,
                 Pulse& pulse) {
  constexpr std::ptrdiff_t kLongRun = 1 << 10;
  if (radix_sort(source, target, size, low, high, key_of, pulse) != target)
    std::copy_n(source, size, target);
  for (Suffix *first = target, *end = target + size; low > 0 && first != end;) {
    Suffix* last = first + 1;
    while (last != end && last->key >> low == first->key >> low) ++last;
    const auto run = static_cast<std::size_t>(last - first);
    if (last - first > kLongRun) {
      if (radix_sort(first, source, run, 0, low, key_of, pulse) != first)
        std::copy_n(source, run, first);
    } else if (run > 1) {
      std::sort(first, last, [](const Suffix& a, const Suffix& b) {
        return a.key != b.key ? a.key < b.key : a.position < b.position;
      });
    }
    pulse.spend(run);
    first = last;
  }
}

// Sorts by the lowest `bits` of the keys, then position. The first pass goes by the highest byte:
// what it leaves fits into a cache, so the time per suffix hardly grows with their number.
void sort_suffixes(std::vector<Suffix>& suffixes, int bits, Pulse& pulse) {
  const int high = std::max(0, bits - 8), low = std::max(0, bits - 40);
  std::vector<Suffix> spare(suffixes.size());
  std::array<std::size_t, 257> bounds{};
  for (const auto& suffix : suffixes) ++bounds[(suffix.key >> high) + 1];
  for (std::size_t byte = 1; byte < bounds.size(); ++byte) bounds[byte] += bounds[byte - 1];
  auto place = bounds;
  for (const auto& suffix : suffixes) {
    spare[place[suffix.key >> high]++] = suffix;
    pulse.spend(1);
  }
  for (std::size_t byte = 0; byte < 256; ++byte)
    if (const std::size_t size = bounds[byte + 1] - bounds[byte]; size > 0)
      sort_bucket(spare.data() + bounds[byte], suffixes.data() + bounds[byte], size, low, high,
                  pulse);
}

class Builder {
 public:
  Builder(const std::vector<std::uint32_t>& text, const std::vector<std::uint32_t>& owners,
          std::uint32_t alphabet, Pulse& pulse)
      : text_(text),
        owners_(owners),
        pulse_(pulse),
        bits_(std::bit_width(alphabet)),
        symbols_(static_cast<std::uint32_t>(64 / bits_)) {}

  SuffixArray build() {
    sort_by_keys();
    if (!groups_.empty()) {
      refine();
      extend_common_prefixes();
    }
    return std::move(out_);
  }

 private:
  struct Group {
    std::uint32_t first, last;
  };

  void sort_by_keys() {
    std::vector<Suffix> suffixes;
    suffixes.reserve(text_.size());
    const int used = bits_ * static_cast<int>(symbols_);
    std::uint64_t key = 0;
    for (std::size_t i = text_.size(); i-- > 0;) {
      key = text_[i] == 0 ? 0 : (std::uint64_t{text_[i]} << (used - bits_)) | (key >> bits_);
      if (key != 0) suffixes.push_back({key, static_cast<std::uint32_t>(i), owners_[i]});
      pulse_.spend(1);
    }
    std::reverse(suffixes.begin(), suffixes.end());
    if (suffixes.empty()) return;
    sort_suffixes(suffixes, used, pulse_);
    take_keys(suffixes, used);
  }

  void take_keys(const std::vector<Suffix>& suffixes, int used) {
    const std::size_t size = suffixes.size();
    out_.positions.resize(size);
    out_.owners.resize(size);
    out_.lcp.assign(size, 0);
    const std::uint64_t last_symbol = (std::uint64_t{1} << bits_) - 1;
    std::uint32_t first = 0;
    for (std::size_t j = 0; j < size; ++j) {
      out_.positions[j] = suffixes[j].position;
      out_.owners[j] = suffixes[j].owner;
      if (j > 0) {
        const std::uint64_t differ = suffixes[j].key ^ suffixes[j - 1].key;
        const bool open = (suffixes[j].key & last_symbol) != 0;  // goes on behind the key
        if (differ != 0) {
          out_.lcp[j] =
              static_cast<std::uint32_t>((std::countl_zero(differ) - (64 - used)) / bits_);
          first = static_cast<std::uint32_t>(j);
        } else if (open) {
          out_.lcp[j] = kUnknown;
          if (groups_.empty() || groups_.back().first != first) groups_.push_back({first, first});
          groups_.back().last = static_cast<std::uint32_t>(j + 1);
        } else {
          const int empty = std::countr_zero(suffixes[j].key) / bits_;
          out_.lcp[j] = symbols_ - static_cast<std::uint32_t>(empty);
        }
      }
      pulse_.spend(1);
    }
  }

  // rank_[i] - 1 is where the group of suffix i begins; terminators have rank 0. Groups in
  // groups_ agree on `depth` symbols and go on behind them; all other groups are settled.
  void refine() {
    rank_.assign(text_.size(), 0);
    settled_.assign(out_.positions.size(), 1);
    std::uint32_t first = 0;
    for (std::size_t j = 0; j < out_.positions.size(); ++j) {
      if (out_.lcp[j] != kUnknown && !continues_group(j)) first = static_cast<std::uint32_t>(j);
      rank_[out_.positions[j]] = first + 1;
      pulse_.spend(1);
    }
    for (const auto& group : groups_) settled_[group.first] = 0;
    for (std::uint64_t depth = symbols_; !groups_.empty(); depth *= 2) {
      std::vector<Group> open;
      for (const auto& group : groups_) split(group, depth, open);
      groups_ = std::move(open);
    }
  }

  // Equal suffixes that end within the key share their rank.
  bool continues_group(std::size_t j) const {
    if (j == 0) return false;
    const std::uint32_t length = out_.lcp[j];
    return text_[out_.positions[j] + length] == 0 && text_[out_.positions[j - 1] + length] == 0;
  }

  void split(const Group& group, std::uint64_t depth, std::vector<Group>& open) {
    items_.clear();
    for (std::uint32_t j = group.first; j < group.last; ++j) {
      const std::uint32_t position = out_.positions[j];
      items_.push_back(std::uint64_t{rank_[position + depth]} << 32 | position);
      pulse_.spend(1);
    }
    if (items_.size() <= kSmallGroup)
      std::sort(items_.begin(), items_.end());
    else
      radix_sort(items_, spare_, 32, [](std::uint64_t item) { return item >> 32; }, pulse_);
    for (std::size_t i = 0, j = 0; i < items_.size(); i = j) {
      const std::uint64_t key = items_[i] >> 32;
      for (j = i; j < items_.size() && items_[j] >> 32 == key; ++j) {
      }
      // Whether the suffixes `depth` further are told apart must be known before ranks change.
      tails_.push_back({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j)});
      tails_settled_.push_back(key == 0 || settled_[key - 1] != 0);
    }
    for (std::size_t t = 0; t < tails_.size(); ++t)
      place(group.first, tails_[t], tails_settled_[t], open);
    tails_.clear();
    tails_settled_.clear();
    pulse_.spend(2 * items_.size());
  }

  void place(std::uint32_t base, const Group& part, bool settled, std::vector<Group>& open) {
    for (std::uint32_t i = part.first; i < part.last; ++i) {
      const auto position = static_cast<std::uint32_t>(items_[i]);
      out_.positions[base + i] = position;
      out_.owners[base + i] = owners_[position];
      rank_[position] = base + part.first + 1;
    }
    settled = settled || part.last - part.first == 1;
    settled_[base + part.first] = settled;
    if (!settled) open.push_back({base + part.first, base + part.last});
  }

  // Kasai et al. (2001), only where the keys were equal: suffix i + 1 shares at least one symbol
  // less with its neighbour than suffix i does.
  void extend_common_prefixes() {
    std::vector<std::uint64_t> unknown;
    for (std::size_t j = 0; j < out_.lcp.size(); ++j)
      if (out_.lcp[j] == kUnknown) unknown.push_back(std::uint64_t{out_.positions[j]} << 32 | j);
    radix_sort(unknown, spare_, 32, [](std::uint64_t item) { return item >> 32; }, pulse_);
    std::uint64_t expected = 0;
    std::uint32_t length = 0;
    for (const auto item : unknown) {
      const std::uint64_t position = item >> 32;
      const auto j = static_cast<std::uint32_t>(item);
      length = position == expected && length > symbols_ ? length - 1 : symbols_;
      const std::uint64_t neighbour = out_.positions[j - 1];
      while (text_[position + length] != 0 &&
             text_[position + length] == text_[neighbour + length]) {
        ++length;
        pulse_.spend(1);
      }
      out_.lcp[j] = length;
      expected = position + 1;
      pulse_.spend(1);
    }
  }

  const std::vector<std::uint32_t>& text_;
  const std::vector<std::uint32_t>& owners_;
  Pulse& pulse_;
  const int bits_;               // per symbol in a key
  const std::uint32_t symbols_;  // per key
  SuffixArray out_;
  std::vector<Group> groups_, tails_;
  std::vector<char> tails_settled_, settled_;
  std::vector<std::uint32_t> rank_;
  std::vector<std::uint64_t> items_, spare_;
};

}  // namespace

SuffixArray build_suffix_array(const std::vector<std::uint32_t>& text,
                               const std::vector<std::uint32_t>& owners, std::uint32_t alphabet,
                               Pulse& pulse) {
  return Builder(text, owners, alphabet, pulse).build();
}

}  // namespace cantaor

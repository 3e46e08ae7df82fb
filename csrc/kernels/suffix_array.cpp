#include "cantaor/suffix_array.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace cantaor {
namespace {

constexpr std::uint32_t kUnknown = 0xffffffffu;
constexpr std::size_t kSmallGroup = 1 << 14;

// Stable sort by the lowest `bits` of the keys, eight at a time; bytes all keys share are skipped.
template <class Item, class Key>
void radix_sort(std::vector<Item>& items, std::vector<Item>& spare, int bits, const Key& key,
                InterruptPoller& poller) {
  constexpr std::size_t kSlice = 1 << 16;
  const auto digit = [&](const Item& item, std::size_t pass) {
    return (key(item) >> (8 * pass)) & 255u;
  };
  const std::size_t size = items.size(), passes = static_cast<std::size_t>((bits + 7) / 8);
  spare.resize(size);
  std::array<std::array<std::size_t, 256>, 8> places{};
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t pass = 0; pass < passes; ++pass) ++places[pass][digit(items[i], pass)];
    if (i % kSlice == 0) poller.poll();
  }
  for (std::size_t pass = 0; pass < passes; ++pass) {
    auto& place = places[pass];
    if (size == 0 || place[digit(items[0], pass)] == size) continue;
    std::size_t total = 0;
    for (auto& count : place) total += std::exchange(count, total);
    for (std::size_t i = 0; i < size; ++i) {
      spare[place[digit(items[i], pass)]++] = items[i];
      if (i % kSlice == 0) poller.poll();
    }
    items.swap(spare);
  }
}

class Builder {
 public:
  Builder(const SegmentedText& text, InterruptPoller& poller)
      : text_(text.codes),
        poller_(poller),
        bits_(std::bit_width(text.alphabet)),
        symbols_(static_cast<std::uint32_t>(64 / bits_)) {}

  void build() {
    sort_by_keys();
    if (groups_.empty()) return;
    refine();
    extend_common_prefixes();
  }
  std::vector<std::uint32_t>& positions() { return positions_; }
  std::vector<std::uint32_t>& common() { return common_; }

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
      if (key != 0) suffixes.push_back({key, static_cast<std::uint32_t>(i), 0});
      poller_.spend(1);
    }
    std::reverse(suffixes.begin(), suffixes.end());
    if (suffixes.empty()) return;
    {
      std::vector<Suffix> spare;
      radix_sort(suffixes, spare, used, [](const Suffix& suffix) { return suffix.key; }, poller_);
    }
    take_keys(suffixes, used);
  }

  void take_keys(const std::vector<Suffix>& suffixes, int used) {
    const std::size_t size = suffixes.size();
    positions_.resize(size);
    common_.assign(size, 0);
    const std::uint64_t last_symbol = (std::uint64_t{1} << bits_) - 1;
    std::uint32_t first = 0;
    for (std::size_t j = 0; j < size; ++j) {
      positions_[j] = suffixes[j].position;
      if (j > 0) {
        const std::uint64_t differ = suffixes[j].key ^ suffixes[j - 1].key;
        const bool open = (suffixes[j].key & last_symbol) != 0;  // goes on behind the key
        if (differ != 0) {
          common_[j] = static_cast<std::uint32_t>((std::countl_zero(differ) - (64 - used)) / bits_);
          first = static_cast<std::uint32_t>(j);
        } else if (open) {
          common_[j] = kUnknown;
          if (groups_.empty() || groups_.back().first != first) groups_.push_back({first, first});
          groups_.back().last = static_cast<std::uint32_t>(j + 1);
        } else {
          const int empty = std::countr_zero(suffixes[j].key) / bits_;
          common_[j] = symbols_ - static_cast<std::uint32_t>(empty);
        }
      }
      poller_.spend(1);
    }
  }

  // rank_[i] - 1 is where the group of suffix i begins; terminators have rank 0. Groups in
  // groups_ agree on `depth` symbols and go on behind them; all other groups are settled.
  void refine() {
    rank_.assign(text_.size(), 0);
    settled_.assign(positions_.size(), 1);
    std::uint32_t first = 0;
    for (std::size_t j = 0; j < positions_.size(); ++j) {
      if (common_[j] != kUnknown && !continues_group(j)) first = static_cast<std::uint32_t>(j);
      rank_[positions_[j]] = first + 1;
      poller_.spend(1);
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
    const std::uint32_t length = common_[j];
    return text_[positions_[j] + length] == 0 && text_[positions_[j - 1] + length] == 0;
  }

  void split(const Group& group, std::uint64_t depth, std::vector<Group>& open) {
    items_.clear();
    for (std::uint32_t j = group.first; j < group.last; ++j) {
      const std::uint32_t position = positions_[j];
      items_.push_back(std::uint64_t{rank_[position + depth]} << 32 | position);
      poller_.spend(1);
    }
    if (items_.size() <= kSmallGroup)
      std::sort(items_.begin(), items_.end());
    else
      radix_sort(items_, spare_, 32, [](std::uint64_t item) { return item >> 32; }, poller_);
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
    poller_.spend(2 * items_.size());
  }

  void place(std::uint32_t base, const Group& part, bool settled, std::vector<Group>& open) {
    for (std::uint32_t i = part.first; i < part.last; ++i) {
      const auto position = static_cast<std::uint32_t>(items_[i]);
      positions_[base + i] = position;
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
    for (std::size_t j = 0; j < common_.size(); ++j)
      if (common_[j] == kUnknown) unknown.push_back(std::uint64_t{positions_[j]} << 32 | j);
    radix_sort(unknown, spare_, 32, [](std::uint64_t item) { return item >> 32; }, poller_);
    std::uint64_t expected = 0;
    std::uint32_t length = 0;
    for (const auto item : unknown) {
      const std::uint64_t position = item >> 32;
      const auto j = static_cast<std::uint32_t>(item);
      length = position == expected && length > symbols_ ? length - 1 : symbols_;
      const std::uint64_t neighbour = positions_[j - 1];
      while (text_[position + length] != 0 &&
             text_[position + length] == text_[neighbour + length]) {
        ++length;
        poller_.spend(1);
      }
      common_[j] = length;
      expected = position + 1;
      poller_.spend(1);
    }
  }

  const std::vector<std::uint32_t>& text_;
  InterruptPoller& poller_;
  const int bits_;               // per symbol in a key
  const std::uint32_t symbols_;  // per key
  std::vector<std::uint32_t> positions_, common_;
  std::vector<Group> groups_, tails_;
  std::vector<char> tails_settled_, settled_;
  std::vector<std::uint32_t> rank_;
  std::vector<std::uint64_t> items_, spare_;
};

}  // namespace

std::vector<std::uint32_t> sort_by_doubling(const SegmentedText& text, SortedSuffixes& out,
                                            InterruptPoller& poller) {
  std::vector<std::uint32_t> positions, common;
  {
    Builder builder(text, poller);
    builder.build();
    positions = std::move(builder.positions());
    common = std::move(builder.common());
  }
  std::vector<std::uint32_t> owners(text.codes.size());
  std::size_t start = 0;
  for (const auto& segment : text.segments)
    for (; start <= segment.end; ++start) owners[start] = segment.owner;
  out.size = positions.size();
  out.bits = 32;
  out.items = std::make_unique_for_overwrite<Suffix[]>(out.size);
  for (std::size_t j = 0; j < out.size; ++j) {
    const std::uint32_t position = positions[j];
    out.items[j] = {text.left_of(position), position, owners[position]};
    poller.spend(1);
  }
  return common;
}

}  // namespace cantaor

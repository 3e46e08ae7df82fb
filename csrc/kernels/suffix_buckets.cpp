#include "cantaor/suffix_buckets.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

#include "cantaor/large_pages.hpp"

namespace cantaor {
namespace {

constexpr std::size_t kMostKeysPerSuffix = 4;

// By the bits below `top`, highest digit first; `spare` holds as many items. What one pass leaves
// soon fits into the nearest cache, and small rests are cheaper to compare than to count.
void sort_keys(Suffix* items, Suffix* spare, std::size_t size, int top, InterruptPoller& poller) {
  constexpr std::size_t kFew = 40;
  constexpr int kDigit = 8;
  if (size <= kFew || top <= 0) {
    std::sort(items, items + size, [](const Suffix& a, const Suffix& b) { return a.key < b.key; });
    return;
  }
  const int shift = std::max(0, top - kDigit);
  const std::uint64_t mask = (std::uint64_t{1} << (top - shift)) - 1;
  const auto digit = [&](const Suffix& suffix) { return (suffix.key >> shift) & mask; };
  std::array<std::uint32_t, (1 << kDigit) + 1> bounds{};
  for (std::size_t i = 0; i < size; ++i) ++bounds[digit(items[i]) + 1];
  std::partial_sum(bounds.begin(), bounds.end(), bounds.begin());
  auto place = bounds;
  for (std::size_t i = 0; i < size; ++i) spare[place[digit(items[i])]++] = items[i];
  std::copy_n(spare, size, items);
  poller.spend(size);
  for (std::size_t i = 0; i + 1 < bounds.size(); ++i)
    if (bounds[i + 1] - bounds[i] > 1)
      sort_keys(items + bounds[i], spare, bounds[i + 1] - bounds[i], shift, poller);
}

class BucketSort {
 public:
  BucketSort(const SegmentedText& text, SortedSuffixes& out, const BucketVisitor& visit, bool whole,
             InterruptPoller& poller)
      : text_(text),
        out_(out),
        visit_(visit),
        whole_(whole),
        poller_(poller),
        bits_(std::bit_width(text.alphabet)),
        symbols_(64 / bits_ - 1),
        used_(bits_ * (symbols_ + 1)),
        top_(used_ - std::min(used_, kLeading)) {}

  bool run() {
    count();
    keys_left_ = kMostKeysPerSuffix * out_.size + 1024;
    const auto parts = split();
    out_.whole = parts.size() == 2;
    allocate(parts);
    for (std::size_t p = 0; p + 1 < parts.size(); ++p) {
      deal(parts[p], parts[p + 1]);
      for (std::size_t bucket = parts[p]; bucket < parts[p + 1]; ++bucket) {
        const std::size_t first = bounds_[bucket], size = bounds_[bucket + 1] - first;
        if (size == 0) continue;
        if (!settle(out_.items.get() + (first - out_.part), size)) return false;
        visit_.bucket(first, std::span(common_).first(size));
      }
      if (!visit_.part()) return true;
    }
    if (!out_.whole) out_.items.reset();
    return true;
  }

 private:
  static constexpr int kLeading = 10;  // bits that choose the bucket
  struct Group {
    std::uint32_t first, last, depth;  // items that share `depth` symbols
  };

  // Calls use(suffix) for every suffix, from the last position to the first.
  template <class Use>
  void each_suffix(const Use& use) {
    const int highest = used_ - bits_;
    auto segment = text_.segments.size();
    std::uint64_t symbols = 0;
    for (std::size_t i = text_.codes.size(); i-- > 0;) {
      const std::uint64_t code = text_.codes[i];
      if (code == 0) {
        symbols = 0;
        --segment;
        continue;
      }
      const std::uint64_t left = i == 0 ? 0 : text_.codes[i - 1];
      symbols = code << highest | (symbols >> bits_ & ~mask());
      use(Suffix{symbols | left, static_cast<std::uint32_t>(i), text_.segments[segment].owner});
      poller_.spend(1);
    }
  }
  std::uint64_t mask() const { return (std::uint64_t{1} << bits_) - 1; }

  void count() {
    bounds_.assign((std::size_t{1} << (used_ - top_)) + 1, 0);
    each_suffix([&](const Suffix& suffix) { ++bounds_[(suffix.key >> top_) + 1]; });
    largest_ = *std::max_element(bounds_.begin(), bounds_.end());
    std::partial_sum(bounds_.begin(), bounds_.end(), bounds_.begin());
    out_.size = bounds_.back();
    out_.bits = bits_;
    out_.symbols = symbols_;
  }

  // Where the parts begin and the last one ends, in buckets. A first symbol stays in one part.
  std::vector<std::size_t> split() const {
    const std::size_t buckets = bounds_.size() - 1;
    if (whole_ || out_.size <= kOnePart) return {0, buckets};
    const std::size_t step = std::size_t{1} << std::max(0, used_ - top_ - bits_);
    const std::size_t most = std::max(kOnePart, out_.size / 8);
    std::vector<std::size_t> parts{0};
    for (std::size_t bucket = step; bucket < buckets; bucket += step)
      if (bounds_[bucket + step] - bounds_[parts.back()] > most &&
          bounds_[bucket] > bounds_[parts.back()])
        parts.push_back(bucket);
    parts.push_back(buckets);
    return parts;
  }

  void allocate(const std::vector<std::size_t>& parts) {
    std::size_t most = 0;
    for (std::size_t p = 0; p + 1 < parts.size(); ++p)
      most = std::max(most, bounds_[parts[p + 1]] - bounds_[parts[p]]);
    out_.items = std::make_unique_for_overwrite<Suffix[]>(most);
    prefer_large_pages(out_.items.get(), most);
    spare_ = std::make_unique_for_overwrite<Suffix[]>(largest_);
    common_.resize(largest_);
  }

  // The suffixes of the buckets [first, last).
  void deal(std::size_t first, std::size_t last) {
    out_.part = bounds_[first];
    std::vector<std::size_t> place(bounds_.begin() + static_cast<std::ptrdiff_t>(first),
                                   bounds_.begin() + static_cast<std::ptrdiff_t>(last));
    for (auto& at : place) at -= out_.part;
    each_suffix([&](const Suffix& suffix) {
      const std::size_t bucket = (suffix.key >> top_) - first;
      if (bucket < place.size()) out_.items[place[bucket]++] = suffix;
    });
  }

  bool settle(Suffix* items, std::size_t size) {
    groups_.clear();
    sort_keys(items, spare_.get(), size, top_, poller_);
    common_[0] = shared(items[0].key, before_, 0);
    before_ = items[size - 1].key;
    compare(items, {0, static_cast<std::uint32_t>(size), 0});
    const std::vector<Group> equal = groups_;
    while (!groups_.empty()) {
      const Group group = groups_.back();
      groups_.pop_back();
      const std::size_t members = group.last - group.first;
      if (members > keys_left_) return false;
      keys_left_ -= members;
      Suffix* const part = items + group.first;
      for (std::size_t i = 0; i < members; ++i)
        part[i].key = symbols_at(part[i].position + group.depth) | (part[i].key & mask());
      sort_keys(part, spare_.get(), members, used_, poller_);
      compare(items, group);
      poller_.spend(4 * members);
    }
    for (const auto& group : equal) {  // all of them began with the same symbols
      const std::uint64_t symbols = symbols_at(items[group.first].position);
      for (std::uint32_t i = group.first; i < group.last; ++i)
        items[i].key = symbols | (items[i].key & mask());
    }
    return true;
  }

  // Common prefixes inside a sorted group; suffixes that go on behind equal keys form new groups.
  void compare(const Suffix* items, const Group& group) {
    std::uint32_t first = group.first;
    const auto close = [&](std::uint32_t last) {
      const bool open = (items[first].key >> bits_ & mask()) != 0;
      if (open && last - first > 1)
        groups_.push_back({first, last, group.depth + static_cast<std::uint32_t>(symbols_)});
      first = last;
    };
    for (std::uint32_t j = group.first + 1; j < group.last; ++j) {
      common_[j] = shared(items[j].key, items[j - 1].key, group.depth);
      if ((items[j].key ^ items[j - 1].key) >> bits_ != 0) close(j);
    }
    close(group.last);
  }

  std::uint32_t shared(std::uint64_t a, std::uint64_t b, std::uint32_t depth) const {
    const std::uint64_t differ = (a ^ b) >> bits_;
    const int same =
        differ != 0 ? (std::countl_zero(differ) - (64 - used_ + bits_)) / bits_
                    : symbols_ - std::min(symbols_ * bits_, std::countr_zero(a >> bits_)) / bits_;
    return depth + static_cast<std::uint32_t>(same);
  }

  std::uint64_t symbols_at(std::size_t position) const {
    std::uint64_t key = 0;
    for (int shift = used_ - bits_; shift >= bits_; shift -= bits_) {
      const std::uint64_t code = text_.codes[position++];
      if (code == 0) break;
      key |= code << shift;
    }
    return key;
  }

  const SegmentedText& text_;
  SortedSuffixes& out_;
  const BucketVisitor& visit_;
  const bool whole_;
  InterruptPoller& poller_;
  const int bits_, symbols_;  // bits of a symbol, symbols of a key besides the one to the left
  const int used_, top_;      // bits of a key, and those that do not choose the bucket
  std::vector<std::size_t> bounds_;  // [bucket]
  std::size_t largest_ = 0;          // suffixes of a bucket
  std::unique_ptr<Suffix[]> spare_;
  std::vector<std::uint32_t> common_;
  std::vector<Group> groups_;
  std::uint64_t before_ = 0;  // last key of the bucket before
  std::size_t keys_left_ = 0;
};

}  // namespace

bool sort_in_buckets(const SegmentedText& text, SortedSuffixes& out, const BucketVisitor& visit,
                     bool whole, InterruptPoller& poller) {
  return BucketSort(text, out, visit, whole, poller).run();
}

}  // namespace cantaor

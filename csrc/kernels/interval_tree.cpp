#include "cantaor/interval_tree.hpp"

#include <algorithm>
#include <utility>

namespace cantaor {
namespace {

constexpr std::uint32_t kNever = 0xffffffffu;
constexpr std::uint32_t kNothing = 0xffffffffu, kMixed = 0xfffffffeu;  // no codes
constexpr std::uint32_t kAhead = 12;  // suffixes whose sequence is fetched early
constexpr std::uint64_t kLooksPerSuffix = 16;

std::uint32_t merge(std::uint32_t a, std::uint32_t b) {
  if (a == b || b == kNothing) return a;
  return a == kNothing ? b : kMixed;
}

}  // namespace

IntervalTree::IntervalTree(const SegmentedText& text, const SortedSuffixes& suffixes,
                           std::size_t sequences, std::int64_t min_support, Closure closure,
                           InterruptPoller& poller)
    : text_(text),
      suffixes_(suffixes),
      min_support_(min_support),
      closure_(closure),
      poller_(poller),
      latest_(sequences, kNever),
      open_{{0, 0, 0, 0, kNothing}},
      left_counts_(std::size_t{text.alphabet} + 1, 0),
      stamps_(sequences, 0),
      looks_left_(kLooksPerSuffix * text.codes.size()) {}

void IntervalTree::add(std::size_t first, std::span<const std::uint32_t> common) {
  auto j = static_cast<std::uint32_t>(first);
  for (std::size_t i = 0; i < common.size(); ++i) {
    if (i + kAhead < common.size()) __builtin_prefetch(&latest_[suffixes_[j + kAhead].owner]);
    const std::uint32_t length = common[i];
    if (!std::exchange(part_ended_, false)) {
      if (min_support_ == 1) add_leaf(j - 1, length);
      close_above(length, j - 1);
    }
    common_before_ = length;
    see(j++);
  }
  size_ = j;
  poller_.spend(2 * common.size());
}

void IntervalTree::finish_part() {
  if (std::exchange(part_ended_, true)) return;
  if (min_support_ == 1) add_leaf(size_ - 1, 0);
  close_above(0, size_ - 1);
}

std::vector<Interval> IntervalTree::finish() {
  finish_part();
  return std::move(found_);
}

// A second suffix of the same sequence is counted off where the two paths meet, mostly near the
// root.
void IntervalTree::see(std::uint32_t j) {
  constexpr std::size_t kNearRoot = 8;
  const std::uint32_t before = std::exchange(latest_[suffixes_[j].owner], j);
  if (before == kNever) return;
  std::size_t i = 0;
  const std::size_t near = std::min(open_.size(), kNearRoot);
  while (i + 1 < near && open_[i + 1].first <= before) ++i;
  if (i + 1 == near) {
    const auto holds =
        std::partition_point(open_.begin() + static_cast<std::ptrdiff_t>(i), open_.end(),
                             [&](const Open& open) { return open.first <= before; });
    i = static_cast<std::size_t>(holds - open_.begin()) - 1;
  }
  ++open_[i].repeats;
}

void IntervalTree::close_above(std::uint32_t length, std::uint32_t last) {
  const std::uint32_t left = suffixes_.left(last);
  if (open_.back().length < length) {
    open_.push_back({length, last, 0, 0, left == 0 ? kMixed : left});
    return;
  }
  open_.back().left = merge(open_.back().left, left == 0 ? kMixed : left);
  while (open_.back().length > length) {
    const Open done = open_.back();
    open_.pop_back();
    const std::uint32_t support = last - done.first + 1 - done.repeats;
    if (support >= min_support_ && support >= 2 && done.most_support < support)
      keep(done, last, support);
    if (open_.back().length < length) open_.push_back({length, done.first, 0, 0, kNothing});
    Open& parent = open_.back();
    parent.repeats += done.repeats;
    parent.most_support = std::max(parent.most_support, support);
    parent.left = merge(parent.left, done.left);
  }
}

void IntervalTree::keep(const Open& done, std::uint32_t last, std::uint32_t support) {
  const LeftSide left = classify_left_side(done, last, support);
  unsettled_ = unsettled_ || left == LeftSide::unknown;
  found_.push_back({done.first, last, done.length, support, left, suffixes_[done.first].position});
}

// With a least support of 1, a suffix that occurs once ends at its sequence's end and so is
// closed to the right; to the left only where it is the whole sequence.
void IntervalTree::add_leaf(std::uint32_t j, std::uint32_t next_common) {
  const std::uint32_t position = suffixes_[j].position;
  if (closure_ == Closure::both_sides && suffixes_.left(j) != 0) return;
  std::uint32_t length = std::max(common_before_, next_common);
  if (text_.codes[position + length] == 0) return;
  while (text_.codes[position + length] != 0) ++length;
  poller_.spend(length);
  found_.push_back({j, j, length, 1, LeftSide::closed, position});
}

// One code to the left of every occurrence extends the pattern. Where no sequence holds the
// pattern twice, nothing else can. Otherwise a code must stand there as often as there are
// sequences, which a look at some of the occurrences mostly rules out.
LeftSide IntervalTree::classify_left_side(const Open& done, std::uint32_t last,
                                          std::uint32_t support) {
  if (closure_ == Closure::right_side) return LeftSide::closed;
  if (done.left != kMixed) return LeftSide::extends;
  if (done.repeats == 0) return LeftSide::closed;
  const std::uint32_t size = last - done.first + 1;
  if (!may_look(size)) return LeftSide::unknown;
  count_left(done.first, size, support);
  if (!may_look(std::uint64_t{size} * left_codes_.size())) return LeftSide::unknown;
  for (const auto code : left_codes_)
    if (stands_left(code, done.first, last, support)) return LeftSide::extends;
  return LeftSide::closed;
}

bool IntervalTree::may_look(std::uint64_t looks) {
  if (looks > looks_left_)
    looks_left_ = 0;
  else
    looks_left_ -= looks;
  return looks == 0 || looks_left_ > 0;
}

// Leaves the codes that stand to the left of at least `support` suffixes; none of them, and early,
// once none can.
void IntervalTree::count_left(std::uint32_t first, std::uint32_t size, std::uint32_t support) {
  std::uint32_t most = 0, looked = 0;
  left_codes_.clear();
  for (; looked < size && most + (size - looked) >= support; ++looked) {
    const std::uint32_t left = suffixes_.left(first + looked);
    if (left == 0) continue;
    if (left_counts_[left]++ == 0) left_codes_.push_back(left);
    most = std::max(most, left_counts_[left]);
    poller_.spend(1);
  }
  looks_left_ += size - looked;
  std::size_t kept = 0;
  for (const auto code : left_codes_)
    if (std::exchange(left_counts_[code], 0u) >= support) left_codes_[kept++] = code;
  left_codes_.resize(most < support ? 0 : kept);
}

// Whether the code stands before an occurrence in `support` sequences.
bool IntervalTree::stands_left(std::uint32_t code, std::uint32_t first, std::uint32_t last,
                               std::uint32_t support) {
  ++stamp_;
  for (std::uint32_t j = first; j <= last && support > 0; ++j) {
    if (suffixes_.left(j) == code && std::exchange(stamps_[suffixes_[j].owner], stamp_) != stamp_)
      --support;
    poller_.spend(1);
  }
  return support == 0;
}

}  // namespace cantaor

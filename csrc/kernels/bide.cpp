#include "cantaor/bide.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <utility>

#include "cantaor/prefix_search.hpp"

namespace cantaor {
namespace bide {

SortedSequences::SortedSequences(const SequencesView& sequences, const EncodedSequences& encoded)
    : sequences_(sequences), encoded_(encoded), lengths_(sequences.size(), 0) {
  std::size_t longest = 0, filled = 0;
  for (std::size_t i = 0; i < lengths_.size(); ++i) {
    const auto last = static_cast<std::size_t>(sequences.offsets[i + 1]);
    for (auto at = static_cast<std::size_t>(sequences.offsets[i]); at < last; ++at)
      lengths_[i] += encoded.code(at) != kNoCode;
    symbols_ += lengths_[i];
    filled += lengths_[i] > 0;
    longest = std::max<std::size_t>(longest, lengths_[i]);
  }
  codes_.reserve(longest);
  order_.reserve(filled);
  for (std::uint32_t i = 0; i < lengths_.size(); ++i)
    if (lengths_[i] > 0) order_.push_back(i);
  std::stable_sort(order_.begin(), order_.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return lengths_[a] < lengths_[b]; });
}

std::span<const std::uint32_t> SortedSequences::read(std::size_t i) {
  codes_.clear();
  const auto last = static_cast<std::size_t>(sequences_.offsets[order_[i] + std::size_t{1}]);
  for (auto at = static_cast<std::size_t>(sequences_.offsets[order_[i]]); at < last; ++at)
    if (const std::uint32_t code = encoded_.code(at); code != kNoCode) codes_.push_back(code);
  return codes_;
}

namespace {

// Bitmaps win wherever sequences fill a fair part of their 64-symbol blocks; they lose where most
// sequences have a few symbols, and take more memory the more symbols there are. What is large must
// not become larger by much.
bool bitmaps_pay(const SortedSequences& sequences, std::size_t alphabet) {
  constexpr std::size_t kWorthPerSymbol = 128, kMostPerSymbol = 64;  // bytes
  constexpr std::size_t kAlwaysFits = std::size_t{24} << 20, kLarge = std::size_t{128} << 20;
  constexpr std::size_t kMostPerSymbolOfLarge = 10;
  if (alphabet > kMostBitmapSymbols) return false;
  std::size_t blocks = 0;
  for (std::size_t i = 0; i < sequences.size(); ++i) blocks += (sequences.length(i) + 63) / 64;
  const std::size_t symbols = sequences.symbols();
  const std::size_t set = std::max<std::size_t>(1, std::bit_ceil(alphabet) / 8);  // bytes
  const std::size_t bytes = blocks * (alphabet * 8 + 64 * set + 64 + 8);
  if (bytes > kLarge && bytes > kMostPerSymbolOfLarge * symbols) return false;
  return blocks < (std::size_t{1} << 24) && bytes <= kWorthPerSymbol * symbols &&
         bytes <= std::max(kAlwaysFits, kMostPerSymbol * symbols);
}

}  // namespace
}  // namespace bide

Patterns mine_any_gap(const SequencesView& sequences, const MiningOptions& options,
                      Control& control, Layout layout) {
  InterruptPoller poller(control, true);
  const auto pass = [&](const MiningOptions& current) {
    auto encoded = encode(sequences, current.min_support, poller);
    bide::SortedSequences sorted(sequences, encoded);
    if (layout == Layout::bitmaps && encoded.symbols.size() > bide::kMostBitmapSymbols)
      throw std::invalid_argument("bitmaps need at most 256 frequent symbols");
    const bool bitmaps =
        layout == Layout::bitmaps ||
        (layout == Layout::automatic && bide::bitmaps_pay(sorted, encoded.symbols.size()));
    return bitmaps ? bide::mine_bitmaps(std::move(sorted), encoded, current, control)
                   : bide::mine_lists(std::move(sorted), encoded, current, control);
  };
  return lower_until_found(options, static_cast<std::int64_t>(sequences.size()), pass);
}

}  // namespace cantaor

#include "cantaor/bide.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "cantaor/prefix_search.hpp"

namespace cantaor {
namespace bide {

SortedSequences sort_sequences(const SequencesView& sequences, const EncodedSequences& encoded) {
  const auto kept = [](std::uint32_t code) { return code != kNoCode; };
  std::vector<std::uint32_t> lengths(sequences.size());
  std::size_t total = 0, nonempty = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const auto first = encoded.codes.begin() + sequences.offsets[i];
    const auto last = encoded.codes.begin() + sequences.offsets[i + 1];
    lengths[i] = static_cast<std::uint32_t>(std::count_if(first, last, kept));
    total += lengths[i];
    nonempty += lengths[i] > 0;
  }
  std::vector<std::uint32_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return lengths[a] < lengths[b]; });
  SortedSequences out;
  out.codes.reserve(total);
  out.offsets.reserve(nonempty + 1);
  for (const auto i : order) {
    if (lengths[i] == 0) continue;
    const auto first = encoded.codes.begin() + sequences.offsets[i];
    const auto last = encoded.codes.begin() + sequences.offsets[i + 1];
    std::copy_if(first, last, std::back_inserter(out.codes), kept);
    out.offsets.push_back(static_cast<std::uint32_t>(out.codes.size()));
  }
  return out;
}

namespace {

// Bitmaps win wherever sequences fill a fair part of their 64-symbol blocks; they lose where most
// sequences have a few symbols, and take more memory the more symbols there are.
bool bitmaps_pay(const SortedSequences& sequences, std::size_t alphabet) {
  constexpr std::size_t kWorthPerSymbol = 128, kMostPerSymbol = 64;  // bytes
  constexpr std::size_t kAlwaysFits = std::size_t{24} << 20;
  if (alphabet > kMostBitmapSymbols) return false;
  std::size_t blocks = 0;
  for (std::size_t i = 0; i < sequences.size(); ++i) blocks += (sequences[i].size() + 63) / 64;
  const std::size_t symbols = sequences.codes.size();
  const std::size_t words = alphabet <= 64 ? 1 : alphabet <= 128 ? 2 : 4;
  const std::size_t bytes = blocks * (alphabet * 8 + 64 * 8 * words + 64 + 8);
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
    const auto sorted = bide::sort_sequences(sequences, encoded);
    encoded.codes = {};
    if (layout == Layout::bitmaps && encoded.symbols.size() > bide::kMostBitmapSymbols)
      throw std::invalid_argument("bitmaps need at most 256 frequent symbols");
    const bool bitmaps =
        layout == Layout::bitmaps ||
        (layout == Layout::automatic && bide::bitmaps_pay(sorted, encoded.symbols.size()));
    return bitmaps ? bide::mine_bitmaps(sorted, encoded, current, control)
                   : bide::mine_lists(sorted, encoded, current, control);
  };
  return lower_until_found(options, static_cast<std::int64_t>(sequences.size()), pass);
}

}  // namespace cantaor

#include "cantaor/gapped.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "cantaor/prefix_search.hpp"

namespace cantaor {
namespace gapped {

std::vector<std::uint32_t> shortest_first(const SequencesView& sequences) {
  std::vector<std::uint32_t> order(sequences.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto length = [&](std::uint32_t i) {
    return sequences.offsets[i + 1u] - sequences.offsets[i];
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return length(a) < length(b); });
  return order;
}

namespace {

bool bitmaps_possible(const EncodedSequences& encoded, Gap gap) {
  return encoded.symbols.size() <= kMostBitmapSymbols && gap.high <= kWidestBitmapGap;
}

// Bitmaps win for few symbols wherever sequences fill a fair part of their 64-symbol blocks; of
// many symbols, most are asked for in vain.
bool bitmaps_pay(const SequencesView& sequences, const EncodedSequences& encoded, Gap gap) {
  constexpr std::size_t kFewSymbols = 12, kBytesPerSymbol = 64, kAlwaysFits = std::size_t{16} << 20;
  if (!bitmaps_possible(encoded, gap) || encoded.symbols.size() > kFewSymbols) return false;
  std::size_t blocks = 0;
  for (std::size_t i = 0; i < sequences.size(); ++i) blocks += (sequences[i].size() + 63) / 64;
  const std::size_t bytes = blocks * (8 * encoded.symbols.size() + 4);
  return blocks < (std::size_t{1} << 25) &&
         bytes <= std::max(kAlwaysFits, kBytesPerSymbol * sequences.values.size());
}

}  // namespace
}  // namespace gapped

Patterns mine_gapped(const SequencesView& sequences, const MiningOptions& options, std::int64_t low,
                     std::int64_t high, Control& control, Layout layout) {
  const auto longest = static_cast<std::int64_t>(sequences.values.size());
  const gapped::Gap gap{static_cast<std::uint32_t>(std::min(low, longest)),
                        static_cast<std::uint32_t>(std::min(high, longest))};
  const auto pass = [&](const MiningOptions& current) {
    InterruptPoller poller(control, true);
    auto encoded = encode(sequences, current.min_support, poller);
    if (layout == Layout::bitmaps && !gapped::bitmaps_possible(encoded, gap))
      throw std::invalid_argument("bitmaps need at most 64 frequent symbols and gaps up to 62");
    const bool bitmaps =
        layout == Layout::bitmaps ||
        (layout == Layout::automatic && gapped::bitmaps_pay(sequences, encoded, gap));
    return bitmaps ? gapped::mine_bitmaps(sequences, encoded, gap, current, control)
                   : gapped::mine_lists(sequences, encoded, gap, current, control);
  };
  return lower_until_found(options, static_cast<std::int64_t>(sequences.size()), pass);
}

}  // namespace cantaor

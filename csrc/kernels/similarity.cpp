#include "cantaor/similarity.hpp"

#include <algorithm>

namespace cantaor {
namespace {

/// The places of each step in a figure, as bits.
class StepMasks {
 public:
  explicit StepMasks(std::span<const std::int32_t> figure) {
    for (std::size_t i = 0; i < figure.size(); ++i) {
      const auto place = std::find(steps_.begin(), steps_.end(), figure[i]);
      const auto index = static_cast<std::size_t>(place - steps_.begin());
      if (place == steps_.end()) {
        steps_.push_back(figure[i]);
        masks_.push_back(0);
      }
      masks_[index] |= std::uint64_t{1} << i;
    }
    const auto [low, high] = std::minmax_element(steps_.begin(), steps_.end());
    low_ = *low;
    const std::int64_t range = std::int64_t{*high} - *low + 1;
    if (range > kTable) return;
    table_.resize(static_cast<std::size_t>(range));
    for (std::size_t i = 0; i < steps_.size(); ++i)
      table_[static_cast<std::size_t>(std::int64_t{steps_[i]} - low_)] = masks_[i];
  }

  std::uint64_t operator()(std::int32_t step) const {
    if (!table_.empty()) {
      const auto index = static_cast<std::uint64_t>(std::int64_t{step} - low_);
      return index < table_.size() ? table_[index] : 0;
    }
    for (std::size_t i = 0; i < steps_.size(); ++i)
      if (steps_[i] == step) return masks_[i];
    return 0;
  }

 private:
  static constexpr std::int64_t kTable = 1 << 16;
  std::vector<std::int32_t> steps_;
  std::vector<std::uint64_t> masks_, table_;  // table_ is empty where steps lie far apart
  std::int64_t low_ = 0;
};

/// One column of distances, as the differences between its neighbours.
struct Column {
  std::uint64_t up = ~std::uint64_t{0}, down = 0;  // where a row is one more, or one less
  std::uint64_t diagonal = 0, met = 0;             // of the column before, for exchanges

  /// Goes on by a step; +1, 0 or -1 is what the last row's distance changes by. `anchored`: whether
  /// a match must begin at the first column, so that the row of an empty figure counts steps.
  int advance(std::uint64_t here, std::uint64_t last, bool anchored) {
    const std::uint64_t exchanged = ((~diagonal & here) << 1) & met;
    diagonal = (((here & up) + up) ^ up) | here | down | exchanged;
    std::uint64_t right = down | ~(diagonal | up);
    std::uint64_t left = diagonal & up;
    const int change = (right & last) != 0 ? 1 : (left & last) != 0 ? -1 : 0;
    right = right << 1 | (anchored ? 1u : 0u);
    left <<= 1;
    up = left | ~(diagonal | right);
    down = right & diagonal;
    met = here;
    return change;
  }
};

/// The fewest steps before `end` that the figure, reversed, makes with so many edits.
std::size_t shortest_match(std::span<const std::int32_t> text, std::size_t end,
                           const StepMasks& reversed, std::size_t steps, std::size_t edits) {
  const std::uint64_t last = std::uint64_t{1} << (steps - 1);
  Column column;
  std::size_t distance = steps, length = 0;
  while (distance != edits) {
    ++length;
    distance += static_cast<std::size_t>(column.advance(reversed(text[end - length]), last, true));
  }
  return length;
}

}  // namespace

NearFigures find_near_figures(std::span<const std::int32_t> text,
                              std::span<const std::int32_t> figure, std::size_t most_edits,
                              Control& control) {
  const std::vector<std::int32_t> turned(figure.rbegin(), figure.rend());
  const StepMasks masks(figure), reversed(turned);
  const std::uint64_t last = std::uint64_t{1} << (figure.size() - 1);
  NearFigures found;
  Column column;
  std::size_t distance = figure.size();
  for (std::size_t place = 0; place < text.size(); ++place) {
    control.poll();
    if (text[place] == 0) {
      column = {};
      distance = figure.size();
      continue;
    }
    distance += static_cast<std::size_t>(column.advance(masks(text[place]), last, false));
    if (distance > most_edits) continue;
    const std::size_t length = shortest_match(text, place + 1, reversed, figure.size(), distance);
    found.starts.push_back(static_cast<std::int64_t>(place + 1 - length));
    found.ends.push_back(static_cast<std::int64_t>(place + 1));
    found.edits.push_back(static_cast<std::int64_t>(distance));
  }
  return found;
}

}  // namespace cantaor

// Figures within any number of edits in any steps, against the whole table of distances.
#include "cantaor/similarity.hpp"
#include "input.hpp"

namespace {

using namespace cantaor;
using fuzz::Input;
using Row = std::vector<std::int32_t>;

struct Match {
  std::size_t edits, start;
};

/// By Sellers' table with exchanges, from every start of its own: for every end the fewest edits,
/// then the latest start.
std::vector<Match> expected_matches(const Row& text, const Row& figure) {
  const std::size_t steps = figure.size();
  std::vector<Match> best(text.size() + 1, {steps + 1, 0});
  for (std::size_t start = 0; start < text.size(); ++start) {
    std::vector<std::size_t> before, column(steps + 1);
    for (std::size_t i = 0; i <= steps; ++i) column[i] = i;
    for (std::size_t end = start + 1; end <= text.size() && text[end - 1] != 0; ++end) {
      // No match is longer than the figure and its edits.
      if (end - start > 2 * steps) break;
      std::vector<std::size_t> next(steps + 1);
      next[0] = end - start;
      for (std::size_t i = 1; i <= steps; ++i) {
        const std::size_t replaced = column[i - 1] + (figure[i - 1] == text[end - 1] ? 0 : 1);
        next[i] = std::min({replaced, column[i] + 1, next[i - 1] + 1});
        if (i > 1 && end - start > 1 && figure[i - 1] == text[end - 2] &&
            figure[i - 2] == text[end - 1])
          next[i] = std::min(next[i], before[i - 2] + 1);
      }
      before = std::move(column);
      column = std::move(next);
      if (column[steps] <= best[end].edits) best[end] = {column[steps], start};
    }
  }
  return best;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const bool far_apart = input.flag();
  const auto steps = static_cast<std::size_t>(input.from(1, kMostSteps));
  const auto most = static_cast<std::size_t>(input.from(0, static_cast<std::int64_t>(steps) - 1));
  Row figure, text;
  const auto symbol = [&](std::int8_t byte) {
    return far_apart ? std::int32_t{byte} * 16'000'000 : std::int32_t{byte};
  };
  for (std::size_t i = 0; i < steps; ++i) {
    const auto byte = input.number<std::int8_t>();
    figure.push_back(symbol(byte == 0 ? std::int8_t{1} : byte));
  }
  for (const std::int8_t byte : input.numbers<std::int8_t>(200)) text.push_back(symbol(byte));
  Control control;
  const NearFigures found = find_near_figures(text, figure, most, control);
  const auto expected = expected_matches(text, figure);
  std::size_t at = 0;
  for (std::size_t end = 1; end <= text.size(); ++end) {
    if (text[end - 1] == 0 || expected[end].edits > most) continue;
    DEMAND(at < found.ends.size() && found.ends[at] == static_cast<std::int64_t>(end));
    DEMAND(found.edits[at] == static_cast<std::int64_t>(expected[end].edits));
    DEMAND(found.starts[at] == static_cast<std::int64_t>(expected[end].start));
    ++at;
  }
  DEMAND(at == found.ends.size() && at == found.starts.size() && at == found.edits.size());
  return 0;
}

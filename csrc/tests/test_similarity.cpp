// Figures within a number of edits, against the whole table of distances.
#include <algorithm>
#include <limits>
#include <random>

#include "cantaor/similarity.hpp"
#include "check.hpp"

namespace {

using namespace cantaor;
using Row = std::vector<std::int32_t>;

// Optimal string alignment of two whole rows.
std::size_t distance(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
  std::vector<std::vector<std::size_t>> table(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i)
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        table[i][j] = i + j;
        continue;
      }
      const std::size_t replaced = table[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      table[i][j] = std::min({replaced, table[i - 1][j] + 1, table[i][j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        table[i][j] = std::min(table[i][j], table[i - 2][j - 2] + 1);
    }
  return table[a.size()][b.size()];
}

void check(const Row& text, const Row& figure, std::size_t most) {
  Control control;
  const NearFigures found = find_near_figures(text, figure, most, control);
  std::size_t place = 0;
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::size_t best = std::numeric_limits<std::size_t>::max(), latest = 0;
    for (std::size_t start = end; start > 0 && text[start - 1] != 0;) {
      --start;
      const std::size_t edits = distance(std::span(text).subspan(start, end - start), figure);
      if (edits < best) best = edits, latest = start;
    }
    if (best > most) continue;
    CHECK(place < found.ends.size());
    CHECK(found.ends[place] == static_cast<std::int64_t>(end));
    CHECK(found.starts[place] == static_cast<std::int64_t>(latest));
    CHECK(found.edits[place] == static_cast<std::int64_t>(best));
    ++place;
  }
  CHECK(place == found.ends.size());
}

Row random_row(std::mt19937& random, std::size_t size, int values, bool breaks) {
  Row row(size);
  for (auto& step : row) do
      step = static_cast<int>(random() % static_cast<unsigned>(2 * values + 1)) - values;
    while (step == 0 && !breaks);
  return row;
}

}  // namespace

int main() {
  std::mt19937 random(1);
  for (int i = 0; i < 400; ++i) {
    const std::size_t steps = 1 + random() % 7;
    check(random_row(random, random() % 24, 1 + static_cast<int>(random() % 3), true),
          random_row(random, steps, 1 + static_cast<int>(random() % 3), false), random() % steps);
  }
  // A whole word of bits, and steps too far apart for a table.
  for (int i = 0; i < 4; ++i) {
    Row figure = random_row(random, kMostSteps, 2, false);
    figure[3] = std::numeric_limits<std::int32_t>::max();
    figure[9] = std::numeric_limits<std::int32_t>::min();
    Row text = figure;
    std::swap(text[20], text[21]);
    text.erase(text.begin() + 40);
    text.insert(text.begin() + 50, 7);
    text.insert(text.begin(), {1, 0, 2});
    check(text, figure, 5);
  }
  return 0;
}

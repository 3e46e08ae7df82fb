// Occurrences against a search of every window.
#include <algorithm>
#include <random>

#include "cantaor/occurrences.hpp"
#include "check.hpp"

namespace {

using namespace cantaor;
using Row = std::vector<std::int32_t>;

struct Rows {
  std::vector<std::int32_t> values;
  std::vector<std::int64_t> offsets{0};
  SequencesView view() const { return {values, offsets}; }
};

Rows random_rows(std::mt19937& random, unsigned rows, unsigned shortest, unsigned longest) {
  Rows out;
  for (unsigned i = 0; i < rows; ++i) {
    const unsigned length = shortest + random() % (longest - shortest + 1);
    for (unsigned k = 0; k < length; ++k) out.values.push_back(static_cast<int>(random() % 3) - 1);
    out.offsets.push_back(static_cast<std::int64_t>(out.values.size()));
  }
  return out;
}

bool embeds(std::span<const std::int32_t> pattern, std::span<const std::int32_t> row,
            std::size_t at, std::size_t last, std::int64_t low, std::int64_t high) {
  if (row[at] != pattern.front()) return false;
  if (pattern.size() == 1) return at == last;
  for (std::int64_t skip = low; skip <= high; ++skip) {
    const std::size_t next = at + 1 + static_cast<std::size_t>(skip);
    if (next > last) return false;
    if (embeds(pattern.subspan(1), row, next, last, low, high)) return true;
  }
  return false;
}

void check(const OccurrenceTable& found, const SequencesView& patterns, const SequencesView& rows,
           std::int64_t low, std::int64_t high) {
  std::size_t place = 0;
  CHECK(found.offsets.size() == patterns.size() + 1);
  for (std::size_t p = 0; p < patterns.size(); ++p) {
    CHECK(found.offsets[p] == static_cast<std::int64_t>(place));
    for (std::size_t s = 0; s < rows.size(); ++s) {
      const auto row = rows[s];
      for (std::size_t start = 0; start < row.size(); ++start)
        for (std::size_t last = start; last < row.size(); ++last) {
          if (!embeds(patterns[p], row, start, last, low, high)) continue;
          bool minimal = true;
          for (std::size_t a = start; a <= last; ++a)
            for (std::size_t b = a; b <= last; ++b)
              if ((a != start || b != last) && embeds(patterns[p], row, a, b, low, high))
                minimal = false;
          if (!minimal) continue;
          CHECK(place < found.start.size());
          CHECK(found.sequence[place] == static_cast<std::int64_t>(s));
          CHECK(found.start[place] == static_cast<std::int64_t>(start));
          CHECK(found.end[place] == static_cast<std::int64_t>(last + 1));
          ++place;
        }
    }
  }
  CHECK(place == found.start.size());
}

}  // namespace

int main() {
  std::mt19937 random(3);
  for (int round = 0; round < 60; ++round) {
    const Rows patterns = random_rows(random, 12, 1, 5), rows = random_rows(random, 6, 0, 14);
    Control control;
    check(find_contiguous(patterns.view(), rows.view(), control), patterns.view(), rows.view(), 0,
          0);
    for (const auto [low, high] : {std::pair{0, 0}, {0, 2}, {1, 3}, {0, 100}})
      check(find_minimal_windows(patterns.view(), rows.view(), low, high, control), patterns.view(),
            rows.view(), low, high);
  }
}

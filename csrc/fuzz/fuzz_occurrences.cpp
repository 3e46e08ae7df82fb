// Where any patterns occur in any rows, against the definition written out.
#include "cantaor/occurrences.hpp"
#include "input.hpp"

namespace {

using namespace cantaor;
using fuzz::Input;
using Row = std::span<const std::int32_t>;

struct Window {
  std::int64_t start, end;
  bool operator==(const Window&) const = default;
};

/// The nearest end of an embedding that starts at `start`, or -1.
std::int64_t nearest_end(Row pattern, Row row, std::size_t start, std::int64_t low,
                         std::int64_t high) {
  if (row[start] != pattern[0]) return -1;
  std::vector<std::size_t> ends{start};
  for (std::size_t k = 1; k < pattern.size(); ++k) {
    std::vector<std::size_t> next;
    for (std::size_t i = start + 1; i < row.size(); ++i) {
      const bool reached = std::any_of(ends.begin(), ends.end(), [&](std::size_t end) {
        const auto skipped = static_cast<std::int64_t>(i) - static_cast<std::int64_t>(end) - 1;
        return skipped >= low && skipped <= high;
      });
      if (reached && row[i] == pattern[k]) next.push_back(i);
    }
    ends = next;
  }
  return ends.empty() ? -1 : static_cast<std::int64_t>(ends.front()) + 1;
}

/// Windows of one pattern in one row that hold no smaller one.
std::vector<Window> expected_windows(Row pattern, Row row, std::int64_t low, std::int64_t high) {
  std::vector<Window> all, out;
  for (std::size_t start = 0; start < row.size(); ++start)
    if (const auto end = nearest_end(pattern, row, start, low, high); end >= 0)
      all.push_back({static_cast<std::int64_t>(start), end});
  for (const Window& one : all) {
    const bool holds_another = std::any_of(all.begin(), all.end(), [&](const Window& other) {
      return !(other == one) && other.start >= one.start && other.end <= one.end;
    });
    if (!holds_another) out.push_back(one);
  }
  return out;
}

void demand_windows(const OccurrenceTable& found, const SequencesView& patterns,
                    const SequencesView& rows, std::int64_t low, std::int64_t high) {
  DEMAND(found.offsets.size() == patterns.size() + 1);
  DEMAND(fuzz::are_offsets(found.offsets, found.sequence.size()));
  DEMAND(found.start.size() == found.sequence.size() && found.end.size() == found.sequence.size());
  for (std::size_t p = 0; p < patterns.size(); ++p) {
    auto at = static_cast<std::size_t>(found.offsets[p]);
    for (std::size_t r = 0; r < rows.size(); ++r)
      for (const Window& one : expected_windows(patterns[p], rows[r], low, high)) {
        DEMAND(at < static_cast<std::size_t>(found.offsets[p + 1]));
        DEMAND(found.sequence[at] == static_cast<std::int64_t>(r));
        DEMAND(found.start[at] == one.start && found.end[at] == one.end);
        ++at;
      }
    DEMAND(at == static_cast<std::size_t>(found.offsets[p + 1]));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const bool together = input.flag();
  const std::int64_t low = input.from(0, 3), high = low + input.from(0, 40);
  const auto of_patterns = static_cast<std::size_t>(input.from(0, 40));
  const auto pattern_bytes = input.numbers<std::int8_t>(of_patterns);
  const auto row_bytes = input.numbers<std::int8_t>(120);
  fuzz::Rows sought(pattern_bytes);
  // The binding refuses empty patterns.
  sought.offsets.erase(std::unique(sought.offsets.begin(), sought.offsets.end()),
                       sought.offsets.end());
  const fuzz::Rows searched(row_bytes);
  const SequencesView patterns{sought.values, sought.offsets},
      rows{searched.values, searched.offsets};
  Control control;
  if (together)
    demand_windows(find_contiguous(patterns, rows, control), patterns, rows, 0, 0);
  else
    demand_windows(find_minimal_windows(patterns, rows, low, high, control), patterns, rows, low,
                   high);
  return 0;
}

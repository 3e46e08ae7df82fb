// Closed patterns of any rows under any options: every engine, layout and number of threads gives
// the same answer, whose supports a search for occurrences confirms.
#include "cantaor/bide.hpp"
#include "cantaor/contiguous.hpp"
#include "cantaor/gapped.hpp"
#include "cantaor/occurrences.hpp"
#include "input.hpp"

namespace {

using namespace cantaor;
using fuzz::Input;

constexpr std::int64_t kMostNodes = 3000;

MiningOptions options_from(Input& input) {
  MiningOptions options;
  options.min_support = input.from(1, 8);
  options.min_length = input.from(-1, 6);
  if (input.flag()) options.max_length = input.from(0, 12);
  if (input.flag()) options.top_k = input.from(1, 50);
  options.max_patterns = input.from(1, 5000);
  return options;
}

/// The answer of a kernel, or a partial one that is empty where it refuses or runs out of work.
template <class Mine>
Patterns answer(const Mine& mine, int threads, MiningOptions options) {
  Control control;
  control.limit(kMostNodes, 1e300);
  options.threads = threads;
  Patterns nothing;
  nothing.partial = true;
  try {
    return mine(options, control);
  } catch (const TooManyPatterns&) {
    return nothing;
  } catch (const WorkLimitReached&) {
    return nothing;
  }
}

std::span<const std::int32_t> pattern(const Patterns& found, std::size_t i) {
  return SequencesView{found.values, found.offsets}[i];
}

void demand_order(const Patterns& found, const SequencesView& rows, const MiningOptions& options) {
  DEMAND(fuzz::are_offsets(found.offsets, found.values.size()));
  DEMAND(found.offsets.size() == found.size() + 1);
  DEMAND(static_cast<std::int64_t>(found.size()) <= options.max_patterns);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto one = pattern(found, i);
    const auto length = static_cast<std::int64_t>(one.size());
    DEMAND(length >= std::max<std::int64_t>(options.min_length, 1) && length <= options.max_length);
    DEMAND(found.support[i] >= options.min_support);
    DEMAND(found.support[i] <= static_cast<std::int64_t>(rows.size()));
    if (i == 0) continue;
    const auto before = pattern(found, i - 1);
    DEMAND(before.size() < one.size() ||
           (before.size() == one.size() &&
            std::lexicographical_compare(before.begin(), before.end(), one.begin(), one.end())));
  }
}

bool same(const Patterns& one, const Patterns& other) {
  return one.values == other.values && one.offsets == other.offsets && one.support == other.support;
}

/// As many sequences hold a pattern as its support says.
void demand_supports(const Patterns& found, const SequencesView& rows, std::int64_t low,
                     std::int64_t high) {
  Control control;
  const SequencesView sought{found.values, found.offsets};
  const OccurrenceTable table = high == 0 ? find_contiguous(sought, rows, control)
                                          : find_minimal_windows(sought, rows, low, high, control);
  for (std::size_t i = 0; i < found.size(); ++i) {
    std::int32_t rows_of_it = 0;
    for (auto j = static_cast<std::size_t>(table.offsets[i]);
         j < static_cast<std::size_t>(table.offsets[i + 1]); ++j)
      rows_of_it += j == static_cast<std::size_t>(table.offsets[i]) ||
                    table.sequence[j] != table.sequence[j - 1];
    DEMAND(rows_of_it == found.support[i]);
  }
}

/// Two ways to the same answer, the other one with so many threads.
template <class One, class Other>
Patterns demand_agreement(const One& one, const Other& other, int threads,
                          const MiningOptions& options) {
  const Patterns expected = answer(one, 1, options), found = answer(other, threads, options);
  // A limit of work leaves out what it happens to leave out.
  DEMAND(found.partial || expected.partial || same(expected, found));
  return expected;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const MiningOptions options = options_from(input);
  const auto kind = input.from(0, 2);
  // Threads are slow to start: few inputs have them.
  const int threads = input.from(0, 9) == 9 ? 3 : 1;
  const std::int64_t low = input.from(0, 4), high = low + input.from(0, 70);
  const auto bytes = input.numbers<std::int8_t>(400);
  const fuzz::Rows kept(bytes);
  const SequencesView rows{kept.values, kept.offsets};

  const auto any_gap = [&](Layout layout) {
    return [&rows, layout](const MiningOptions& with, Control& control) {
      return mine_any_gap(rows, with, control, layout);
    };
  };
  const auto gapped = [&](std::int64_t least, std::int64_t most, Layout layout) {
    return [&rows, least, most, layout](const MiningOptions& with, Control& control) {
      return mine_gapped(rows, with, least, most, control, layout);
    };
  };
  const auto contiguous = [&](Closure closure) {
    return [&rows, closure](const MiningOptions& with, Control& control) {
      return mine_contiguous(rows, with, closure, control);
    };
  };

  if (kind == 0) {
    const auto found =
        demand_agreement(any_gap(Layout::automatic), any_gap(Layout::lists), threads, options);
    demand_order(found, rows, options);
    demand_supports(found, rows, 0, static_cast<std::int64_t>(kept.values.size()) + 1);
  } else if (kind == 1) {
    const auto found = demand_agreement(gapped(low, high, Layout::automatic),
                                        gapped(low, high, Layout::lists), threads, options);
    demand_order(found, rows, options);
    demand_supports(found, rows, low, high);
  } else {
    const auto found = demand_agreement(contiguous(Closure::both_sides),
                                        gapped(0, 0, Layout::automatic), threads, options);
    demand_order(found, rows, options);
    demand_supports(found, rows, 0, 0);
    const auto right = answer(contiguous(Closure::right_side), 1, options);
    demand_order(right, rows, options);
    demand_supports(right, rows, 0, 0);
  }
  return 0;
}

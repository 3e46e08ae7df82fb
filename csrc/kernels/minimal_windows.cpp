// Windows of gapped patterns. For every position where a prefix ends, only the latest start of
// an instance matters: an earlier one makes a larger window. Patterns are visited in
// lexicographic order, so what two neighbours share as a prefix is found once.
#include <algorithm>

#include "cantaor/encoding.hpp"
#include "cantaor/occurrences.hpp"

namespace cantaor {
namespace {

struct Window {
  std::uint32_t start, last;  // positions of the first and the last symbol
};

class WindowSearch {
 public:
  WindowSearch(const SequencesView& patterns, const SequencesView& sequences, std::int64_t low,
               std::int64_t high, InterruptPoller& poller)
      : sequences_(sequences),
        low_(low),
        high_(high),
        poller_(poller),
        codes_(distinct_symbols(patterns.values)) {
    index();
  }

  /// Windows of the prefixes of one pattern; the first `shared` symbols are those of the last.
  const std::vector<Window>& follow(std::span<const std::int32_t> pattern, std::size_t shared) {
    levels_.resize(std::min(levels_.size(), shared));
    for (std::size_t i = levels_.size(); i < pattern.size(); ++i) {
      const auto places = places_of(pattern[i]);
      std::vector<Window> grown;
      if (i == 0)
        for (const auto place : places) grown.push_back({place, place});
      else
        grown = grow(levels_.back(), places);
      poller_.spend(grown.size() + 16);
      levels_.push_back(std::move(grown));
    }
    return levels_.back();
  }

  std::uint32_t sequence_of(std::uint32_t position) const { return sequence_[position]; }

 private:
  void index() {
    bounds_.assign(codes_.symbols().size() + 1, 0);
    for (const auto symbol : sequences_.values)
      if (const auto code = codes_(symbol); code != kNoCode) ++bounds_[code + 1u];
    for (std::size_t code = 1; code < bounds_.size(); ++code) bounds_[code] += bounds_[code - 1];
    places_.resize(bounds_.back());
    auto fill = bounds_;
    for (std::uint32_t i = 0; i < sequences_.values.size(); ++i)
      if (const auto code = codes_(sequences_.values[i]); code != kNoCode)
        places_[fill[code]++] = i;
    sequence_.reserve(sequences_.values.size());
    for (std::uint32_t s = 0; s < sequences_.size(); ++s)
      sequence_.resize(static_cast<std::size_t>(sequences_.offsets[s + 1u]), s);
    poller_.poll();
  }

  std::span<const std::uint32_t> places_of(std::int32_t symbol) const {
    const auto code = codes_(symbol);
    return std::span(places_).subspan(bounds_[code], bounds_[code + 1u] - bounds_[code]);
  }

  std::int64_t end_of(std::uint32_t position) const {
    return sequences_.offsets[sequence_[position] + 1u];
  }

  // Next windows from those of the prefix, which ascend by last position. `recent_` holds the
  // prefix windows in reach whose start no later one passes, latest start in front.
  std::vector<Window> grow(const std::vector<Window>& windows,
                           std::span<const std::uint32_t> places) {
    std::vector<Window> grown;
    recent_.clear();
    std::size_t front = 0, entered = 0;
    auto place = places.begin();
    for (std::size_t i = 0; i < windows.size(); ++i) {
      const std::int64_t reach = std::min(windows[i].last + high_ + 1, end_of(windows[i].last) - 1);
      place = seek(place, places.end(), windows[i].last + low_ + 1);
      for (; place != places.end() && *place <= reach; ++place) {
        for (; entered < windows.size() && windows[entered].last + low_ < *place; ++entered) {
          while (recent_.size() > front && recent_.back().start <= windows[entered].start)
            recent_.pop_back();
          recent_.push_back(windows[entered]);
        }
        while (recent_[front].last + high_ + 1 < *place) ++front;
        grown.push_back({recent_[front].start, *place});
      }
      poller_.spend(2);
    }
    return grown;
  }

  // Steps that double, then a binary search: near places are found at once.
  using Place = std::span<const std::uint32_t>::iterator;
  static Place seek(Place place, Place end, std::int64_t position) {
    std::ptrdiff_t step = 1;
    while (end - place > step && place[step] < position) {
      place += step;
      step *= 2;
    }
    return std::lower_bound(place, std::min(end, place + step + 1), position);
  }

  const SequencesView& sequences_;
  const std::int64_t low_, high_;
  InterruptPoller& poller_;
  SymbolCodes codes_;
  std::vector<std::size_t> bounds_;
  std::vector<std::uint32_t> places_, sequence_;
  std::vector<std::vector<Window>> levels_;
  std::vector<Window> recent_;
};

}  // namespace

OccurrenceTable find_minimal_windows(const SequencesView& patterns, const SequencesView& sequences,
                                     std::int64_t low, std::int64_t high, Control& control) {
  InterruptPoller poller(control, true);
  const auto longest = static_cast<std::int64_t>(sequences.values.size());
  WindowSearch search(patterns, sequences, std::min(low, longest), std::min(high, longest), poller);
  const auto order = lexicographic_order(patterns);
  OccurrenceTable found, table;  // found: in lexicographic order of the patterns
  std::vector<std::int64_t> begin(patterns.size()), size(patterns.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto pattern = patterns[order[i]];
    std::size_t shared = 0;
    if (i > 0) {
      const auto last = patterns[order[i - 1]];
      const auto limit = std::min(last.size(), pattern.size());
      while (shared < limit && last[shared] == pattern[shared]) ++shared;
    }
    begin[order[i]] = static_cast<std::int64_t>(found.sequence.size());
    std::int64_t latest = -1;  // start of the windows before; only a later one is minimal
    for (const auto& window : search.follow(pattern, shared)) {
      if (window.start <= latest) continue;
      latest = window.start;
      const std::uint32_t sequence = search.sequence_of(window.start);
      found.sequence.push_back(sequence);
      found.start.push_back(window.start - sequences.offsets[sequence]);
      found.end.push_back(window.last + 1 - sequences.offsets[sequence]);
    }
    size[order[i]] = static_cast<std::int64_t>(found.sequence.size()) - begin[order[i]];
  }
  table.offsets.push_back(0);
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    table.offsets.push_back(table.offsets.back() + size[i]);
    for (const auto& [from, to] :
         {std::pair{&found.sequence, &table.sequence}, std::pair{&found.start, &table.start},
          std::pair{&found.end, &table.end}})
      to->insert(to->end(), from->begin() + begin[i], from->begin() + begin[i] + size[i]);
  }
  return table;
}

}  // namespace cantaor

// Every engine against a definition written out, at several thread counts, under sanitizers.
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <string>

#include "cantaor/bide.hpp"
#include "cantaor/contiguous.hpp"
#include "cantaor/gapped.hpp"
#include "check.hpp"

namespace {

using namespace cantaor;
using Row = std::vector<std::int32_t>;
using Rows = std::vector<Row>;
using Supports = std::map<Row, int>;

struct Database {
  std::vector<std::int32_t> values;
  std::vector<std::int64_t> offsets{0};
  explicit Database(const Rows& rows) {
    for (const auto& row : rows) {
      values.insert(values.end(), row.begin(), row.end());
      offsets.push_back(static_cast<std::int64_t>(values.size()));
    }
  }
  SequencesView view() const { return {values, offsets}; }
};

Rows random_rows(std::mt19937& random, int rows, int longest, int alphabet) {
  Rows out(static_cast<std::size_t>(rows));
  for (auto& row : out) {
    row.resize(random() % static_cast<unsigned>(longest + 1));
    for (auto& symbol : row)
      symbol = static_cast<int>(random() % static_cast<unsigned>(alphabet)) - alphabet / 2;
  }
  return out;
}

bool embeds(const Row& pattern, const Row& row) {
  std::size_t matched = 0;
  for (const auto symbol : row)
    if (matched < pattern.size() && pattern[matched] == symbol) ++matched;
  return matched == pattern.size();
}

// All patterns of a row whose neighbours skip low..high symbols.
void collect(const Row& row, std::size_t last, Row& pattern, std::size_t low, std::size_t high,
             std::set<Row>& out) {
  out.insert(pattern);
  for (std::size_t i = last + low + 1; i < std::min(row.size(), last + high + 2); ++i) {
    pattern.push_back(row[i]);
    collect(row, i, pattern, low, high, out);
    pattern.pop_back();
  }
}

Supports frequent(const Rows& rows, int least, std::size_t low, std::size_t high) {
  Supports counts;
  for (const auto& row : rows) {
    std::set<Row> found;
    for (std::size_t i = 0; i < row.size(); ++i) {
      Row pattern{row[i]};
      collect(row, i, pattern, low, high, found);
    }
    for (const auto& pattern : found) ++counts[pattern];
  }
  std::erase_if(counts, [&](const auto& item) { return item.second < least; });
  return counts;
}

Supports closed_any_gap(const Rows& rows, int least) {
  const Supports all = frequent(rows, least, 0, 1000);
  Supports out;
  for (const auto& [pattern, support] : all) {
    const bool open = std::any_of(all.begin(), all.end(), [&](const auto& other) {
      return other.second == support && other.first.size() == pattern.size() + 1 &&
             embeds(pattern, other.first);
    });
    if (!open) out[pattern] = support;
  }
  return out;
}

Supports closed_gapped(const Rows& rows, int least, std::size_t low, std::size_t high,
                       bool both_sides = true) {
  const Supports all = frequent(rows, least, low, high);
  Supports out = all;
  for (const auto& [pattern, support] : all) {
    if (pattern.size() < 2) continue;
    for (const Row& shorter : {Row(pattern.begin(), pattern.end() - 1),
                               both_sides ? Row(pattern.begin() + 1, pattern.end()) : Row{}}) {
      const auto found = out.find(shorter);
      if (found != out.end() && all.at(shorter) == support) out.erase(found);
    }
  }
  return out;
}

void check_same(const Patterns& found, const Supports& expected) {
  CHECK(found.size() == expected.size());
  std::vector<Row> rows;
  for (std::size_t i = 0; i < found.size(); ++i) {
    rows.emplace_back(found.values.begin() + found.offsets[i],
                      found.values.begin() + found.offsets[i + 1]);
    const auto match = expected.find(rows.back());
    CHECK(match != expected.end() && match->second == found.support[i]);
  }
  CHECK(std::is_sorted(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  }));
}

void check_engines() {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    const Rows rows = random_rows(random, 1 + round % 7, 10, 2 + round % 4);
    const Database database(rows);
    for (int least = 1; least <= 3; ++least)
      for (int threads = 1; threads <= 3; ++threads) {
        MiningOptions options;
        options.min_support = least;
        options.threads = threads;
        Control control;
        const auto expected = closed_any_gap(rows, least);
        for (const auto layout : {Layout::bitmaps, Layout::lists})
          check_same(mine_any_gap(database.view(), options, control, layout), expected);
        for (const auto& [low, high] : {std::pair{0, 1}, {1, 2}, {0, 0}, {2, 5}})
          for (const auto layout : {Layout::bitmaps, Layout::lists})
            check_same(mine_gapped(database.view(), options, low, high, control, layout),
                       closed_gapped(rows, least, static_cast<std::size_t>(low),
                                     static_cast<std::size_t>(high)));
        check_same(mine_contiguous(database.view(), options, Closure::both_sides, control),
                   closed_gapped(rows, least, 0, 0));
        check_same(mine_contiguous(database.view(), options, Closure::right_side, control),
                   closed_gapped(rows, least, 0, 0, false));
      }
  }
}

bool same(const Patterns& a, const Patterns& b) {
  return a.values == b.values && a.offsets == b.offsets && a.support == b.support;
}

void check_threads_and_layouts() {
  std::mt19937 random(8);
  const Database database(random_rows(random, 60, 150, 5));  // sequences of several blocks
  for (const std::int64_t top : {MiningOptions::kUnlimited, std::int64_t{40}}) {
    MiningOptions options;
    options.min_support = 50;
    options.top_k = top;
    options.max_length = 6;
    Control control;
    const auto expected = mine_any_gap(database.view(), options, control, Layout::lists);
    const auto expected_gapped = mine_gapped(database.view(), options, 0, 4, control);
    CHECK(expected.size() > 30 && expected_gapped.size() > 30);
    for (const int threads : {1, 2, 3, 8}) {
      options.threads = threads;
      for (const auto layout : {Layout::bitmaps, Layout::lists})
        CHECK(same(expected, mine_any_gap(database.view(), options, control, layout)));
      for (const auto layout : {Layout::bitmaps, Layout::lists})
        CHECK(same(expected_gapped, mine_gapped(database.view(), options, 0, 4, control, layout)));
    }
  }
}

// A suffix array must survive repeats far longer than its sort keys.
void check_repetitive_text() {
  std::mt19937 random(9);
  for (const int period : {1, 2, 37, 500}) {
    Row row;
    for (int i = 0; i < 4000; ++i)
      row.push_back(i < period ? static_cast<int>(random() % 3)
                               : row[row.size() - static_cast<std::size_t>(period)]);
    const Database database({row, row, Row(row.begin() + 5, row.end() - 900)});
    MiningOptions options;
    options.min_support = 2;
    options.min_length = 3000;
    Control control;
    const auto found = mine_contiguous(database.view(), options, Closure::both_sides, control);
    CHECK(found.size() >= 1);
    CHECK(Row(found.values.begin() + found.offsets[found.size() - 1], found.values.end()) == row);
    CHECK(found.support.back() == 2);
  }
}

template <class Error, class Call>
void check_throws(const Call& call) {
  bool thrown = false;
  try {
    call();
  } catch (const Error&) {
    thrown = true;
  }
  CHECK(thrown);
}

void check_guards() {
  std::mt19937 random(10);
  const Database database(random_rows(random, 200, 60, 6));
  for (const int threads : {1, 3}) {
    MiningOptions options;
    options.min_support = 2;
    options.threads = threads;
    options.max_patterns = 1000;
    Control control;
    check_throws<TooManyPatterns>([&] { mine_any_gap(database.view(), options, control); });
    Control second;
    check_throws<TooManyPatterns>([&] { mine_gapped(database.view(), options, 0, 9, second); });
    Control third;
    check_throws<TooManyPatterns>(
        [&] { mine_contiguous(database.view(), options, Closure::both_sides, third); });
    options.max_patterns = MiningOptions::kUnlimited;
    options.min_length = 500;
    int calls = 0;
    const auto interrupt = [&](std::int64_t) {
      if (++calls == 3) throw std::runtime_error("interrupted");
    };
    Control interrupted(interrupt);
    check_throws<std::runtime_error>([&] { mine_any_gap(database.view(), options, interrupted); });
    calls = 0;
    Control again(interrupt);
    check_throws<std::runtime_error>([&] { mine_gapped(database.view(), options, 0, 20, again); });
  }
}

// A bounded search hands over what it found: closed patterns with their support, all of them in
// the whole answer.
void check_limits() {
  std::mt19937 random(11);
  const Database database(random_rows(random, 100, 30, 5));
  MiningOptions options;
  options.min_support = 20;
  for (const int threads : {1, 3}) {
    options.threads = threads;
    Control unbounded;
    const auto whole = mine_any_gap(database.view(), options, unbounded);
    Control bounded;
    bounded.limit(200, 1e300);
    const auto part = mine_any_gap(database.view(), options, bounded);
    CHECK(!whole.partial && part.partial);
    CHECK(part.size() > 0 && part.size() < whole.size() && part.size() <= 200);
    std::map<Row, int> supports;
    for (std::size_t i = 0; i < whole.size(); ++i)
      supports[Row(whole.values.begin() + whole.offsets[i],
                   whole.values.begin() + whole.offsets[i + 1])] = whole.support[i];
    for (std::size_t i = 0; i < part.size(); ++i)
      CHECK(supports.at(Row(part.values.begin() + part.offsets[i],
                            part.values.begin() + part.offsets[i + 1])) == part.support[i]);
    Control late;
    late.limit(MiningOptions::kUnlimited, -1.0);
    check_throws<WorkLimitReached>([&] { late.poll_now(); });
  }
}

}  // namespace

int main() {
  check_engines();
  check_threads_and_layouts();
  check_repetitive_text();
  check_guards();
  check_limits();
}

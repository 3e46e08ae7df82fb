#include <cmath>
#include <limits>
#include <random>

#include "cantaor/contour.hpp"
#include "check.hpp"

using namespace cantaor;

namespace {

const double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<double> repeat(std::initializer_list<std::pair<double, int>> parts) {
  std::vector<double> cents;
  for (const auto& [value, frames] : parts)
    cents.insert(cents.end(), static_cast<std::size_t>(frames), value);
  return cents;
}

void test_runs_phrases_and_merging() {
  Control control;
  const std::vector<double> edges{50, 150};
  const auto cents = repeat({{0, 5}, {100, 2}, {0, 5}, {kNan, 3}, {200, 4}, {kNan, 9}, {100, 4}});
  const auto found = segments_in_clusters(cents, edges, {0, 3, 5}, control);
  CHECK((found.cluster == std::vector<std::int32_t>{0, 2, 1}));
  CHECK((found.first == std::vector<std::int64_t>{0, 15, 28}));
  CHECK((found.last == std::vector<std::int64_t>{11, 18, 31}));
  CHECK((found.phrases == std::vector<std::int64_t>{0, 2, 3}));
}

void test_hysteresis() {
  Control control;
  const std::vector<double> edges{50};
  const auto cents = repeat({{45, 4}, {55, 4}, {45, 4}, {61, 4}});
  CHECK(segments_in_clusters(cents, edges, {0, 1, 0}, control).cluster.size() == 4);
  CHECK(segments_in_clusters(cents, edges, {10, 1, 0}, control).cluster.size() == 2);
}

void test_margin() {
  Control control;
  const auto cents = repeat({{0, 5}, {60, 5}, {200, 5}});
  const auto found = segments_within_margin(cents, 60, {0, 1, 0}, control);
  CHECK(found.first.size() == 2 && found.cents[0] == 30 && found.cents[1] == 200);
}

void test_empty_and_random_input() {
  Control control;
  CHECK(segments_in_clusters({}, {}, {0, 1, 0}, control).phrases.size() == 1);
  std::mt19937 random(1);
  std::uniform_real_distribution<double> value(-100, 2600);
  std::vector<double> cents(200'000), edges{100, 500, 900, 1300, 1700};
  for (auto& x : cents) x = random() % 7 == 0 ? kNan : value(random);
  const auto found = segments_in_clusters(cents, edges, {20, 2, 3}, control);
  CHECK(found.phrases.back() == static_cast<std::int64_t>(found.cluster.size()));
  for (std::size_t i = 0; i < found.first.size(); ++i) CHECK(found.first[i] <= found.last[i]);
}

}  // namespace

int main() {
  test_runs_phrases_and_merging();
  test_hysteresis();
  test_margin();
  test_empty_and_random_input();
}

#include <cmath>
#include <limits>
#include <numbers>
#include <random>

#include "cantaor/vibrato.hpp"
#include "check.hpp"

using namespace cantaor;

namespace {

constexpr double kHop = 256.0 / 44'100;

std::vector<double> oscillation(double centre, double extent, double rate_hz, int frames) {
  std::vector<double> cents(static_cast<std::size_t>(frames));
  for (std::size_t i = 0; i < cents.size(); ++i)
    cents[i] =
        centre + extent * std::sin(2 * std::numbers::pi * rate_hz * kHop * static_cast<double>(i));
  return cents;
}

void test_vibrato_becomes_its_centre() {
  Control control;
  for (const double extent : {20.0, 60.0, 150.0})
    for (const double rate : {4.5, 6.0, 8.5}) {
      auto cents = oscillation(700, extent, rate, 150);
      const auto found = flatten_vibrato(cents, kHop, control);
      CHECK(found.first.size() == 1 && found.first[0] == 0);
      for (const double value : cents) CHECK(std::abs(value - 700) < 0.1 * extent + 3);
      CHECK(std::abs(found.rate_hz[0] - rate) < 0.5);
      CHECK(std::abs(found.extent_cents[0] - extent) < 0.1 * extent);
    }
}

void test_what_is_not_vibrato_stays() {
  Control control;
  std::vector<double> melisma;  // two notes in turn, 80 ms each
  for (int note = 0; note < 12; ++note) melisma.insert(melisma.end(), 14, note % 2 ? 200.0 : 0.0);
  auto flattened = melisma;
  CHECK(flatten_vibrato(flattened, kHop, control).first.empty() && flattened == melisma);
  for (const double rate : {1.5, 14.0}) {
    auto cents = oscillation(0, 80, rate, 200);
    CHECK(flatten_vibrato(cents, kHop, control).first.empty());
    CHECK(cents == oscillation(0, 80, rate, 200));
  }
}

void test_random_input() {
  Control control;
  std::mt19937 random(3);
  std::uniform_real_distribution<double> value(0, 300);
  std::vector<double> cents(100'000);
  for (std::size_t i = 0; i < cents.size(); ++i)
    cents[i] = random() % 97 == 0 ? std::numeric_limits<double>::quiet_NaN()
                                  : value(random) * std::sin(0.2 * static_cast<double>(i));
  auto flattened = cents;
  const auto found = flatten_vibrato(flattened, kHop, control);
  for (std::size_t i = 0; i < cents.size(); ++i)
    CHECK(std::isnan(flattened[i]) == std::isnan(cents[i]));
  for (std::size_t i = 1; i < found.first.size(); ++i) CHECK(found.last[i - 1] < found.first[i]);
  CHECK(flatten_vibrato({}, kHop, control).first.empty());
}

}  // namespace

int main() {
  test_vibrato_becomes_its_centre();
  test_what_is_not_vibrato_stays();
  test_random_input();
  return 0;
}

#include "cantaor/decimate.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "cantaor/wide.hpp"

namespace cantaor {
namespace {

/// Modified Bessel function of the first kind, order 0, by its power series.
double bessel_i0(double x) {
  double sum = 1, term = 1;
  for (int k = 1; term > 1e-12 * sum; ++k) {
    term *= (x / (2.0 * k)) * (x / (2.0 * k));
    sum += term;
  }
  return sum;
}

std::vector<float> kaiser_lowpass(double cutoff, std::int64_t reach, double beta) {
  const auto n = static_cast<std::size_t>(2 * reach + 1);
  std::vector<double> taps(n);
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double t = static_cast<double>(i) - static_cast<double>(reach);
    const double r = t / static_cast<double>(reach);
    const double x = std::numbers::pi * cutoff * t;
    taps[i] =
        (t == 0 ? 1.0 : std::sin(x) / x) * bessel_i0(beta * std::sqrt(std::max(0.0, 1 - r * r)));
    sum += taps[i];
  }
  std::vector<float> result((n + kLanes - 1) / kLanes * kLanes, 0.0f);
  for (std::size_t i = 0; i < n; ++i) result[i] = static_cast<float>(taps[i] / sum);
  return result;
}

/// out[m] = the taps over x[m * factor ..].
CANTAOR_WIDE void filter(const float* x, int factor, const std::vector<float>& taps,
                         std::span<float> out) {
  const float* tap = taps.data();
  const std::size_t size = taps.size();
  for (float& value : out) {
    value = sum_of(size, [=](std::size_t i) { return x[i] * tap[i]; });
    x += factor;
  }
}

}  // namespace

Decimator::Decimator(int factor, double passband) : factor_(factor) {
  if (factor_ == 1) return;
  // Kaiser (1974): 60 dB need beta = 5.65 and a length of 3.62 / (transition width in cycles).
  // The transition runs from the passband to its mirror image about the new Nyquist frequency.
  const double transition = (1.0 - passband) / factor_;
  reach_ = static_cast<std::int64_t>(std::ceil(3.62 / transition / 2));
  taps_ = kaiser_lowpass(1.0 / factor_, reach_, 5.65);
}

void Decimator::run(const Excerpt& input, std::int64_t first, std::span<float> out) const {
  // Copy the stretch with its surroundings once: zeros outside need no branch in the inner loop.
  const auto count = static_cast<std::int64_t>(out.size());
  const std::int64_t begin = first * factor_ - reach_;
  const auto stretch =
      static_cast<std::size_t>((count - 1) * factor_) + std::max<std::size_t>(taps_.size(), 1);
  std::vector<float> padded(count > 0 ? stretch : 0, 0.0f);
  const std::int64_t low = std::max(begin, input.origin);
  const std::int64_t high =
      std::min(begin + static_cast<std::int64_t>(padded.size()),
               input.origin + static_cast<std::int64_t>(input.samples.size()));
  if (low < high)
    std::copy(input.samples.begin() + (low - input.origin),
              input.samples.begin() + (high - input.origin), padded.begin() + (low - begin));
  if (factor_ == 1) {
    std::copy(padded.begin(), padded.end(), out.begin());
    return;
  }
  filter(padded.data(), factor_, taps_, out);
}

}  // namespace cantaor

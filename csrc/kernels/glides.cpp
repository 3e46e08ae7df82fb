#include "cantaor/glides.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cantaor/wide.hpp"

namespace cantaor {
namespace {

constexpr double kReach = 1.0595;   // of lags: a semitone
constexpr double kStretch = 0.005;  // s, of each of the two that are compared, about
constexpr double kLeastStretch = 0.003;
constexpr float kAgreement = 0.6f;                   // least correlation of a lag that counts
constexpr float kMost = 40;                          // cents that a frame is moved
constexpr double kGlide = 0.0116, kBeside = 0.0058;  // s
constexpr float kSteady = 50;  // cents within which frames belong to one steady pitch
// The largest bias of a tone of one or many harmonics is kMost at 60 Hz and falls by this power of
// the pitch; above 165 Hz it is below a cent, and that of the period is not.
constexpr double kBiasedHz = 60, kUnbiasedHz = 165;
constexpr float kFallOfBias = 2.5f;
constexpr float kUnvoiced = std::numeric_limits<float>::quiet_NaN();

struct Lags {
  int first, last;  // with one more on either side
  int stretch;      // samples compared
  int periods;      // in a lag
};

Lags lags_about(double period, double rate) {
  const int periods = std::max(1, static_cast<int>(std::lround(kStretch * rate / period)));
  const double lag = periods * period;
  return {static_cast<int>(std::floor(lag / kReach)) - 1,
          static_cast<int>(std::ceil(lag * kReach)) + 1,
          static_cast<int>(std::lround(std::max(lag, kLeastStretch * rate))), periods};
}

CANTAOR_WIDE void centred(std::span<const float> window, float* __restrict out) {
  const float* x = window.data();
  const std::size_t size = window.size();
  const float mean = sum_of(size, [=](std::size_t i) { return x[i]; }) / static_cast<float>(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = x[i] - mean;
}

double square(float value) {
  return static_cast<double>(value) * static_cast<double>(value);
}

/// Energies of two stretches that move apart: one of them by one sample, whenever the lag grows.
struct Energies {
  double early, late;

  void move(const float* was, const float* is, int lag, std::size_t size) {
    if (is < was)
      early += square(*is) - square(is[size]);
    else
      late += square(is[lag + static_cast<int>(size) - 1]) - square(is[lag - 1]);
  }
};

/// Normalised correlation at each lag of the stretches that lie symmetrically about the centre.
CANTAOR_WIDE void correlate(const float* x, int length, const Lags& lags, float* __restrict found) {
  const auto size = static_cast<std::size_t>(lags.stretch);
  const auto product = [size](const float* a, const float* b) {
    return sum_of(size, [=](std::size_t i) { return a[i] * b[i]; });
  };
  const float* early = x + (length - lags.first - lags.stretch) / 2;
  Energies energy{product(early, early), product(early + lags.first, early + lags.first)};
  for (int lag = lags.first; lag <= lags.last; ++lag) {
    const float* now = x + (length - lag - lags.stretch) / 2;
    if (lag > lags.first) energy.move(early, now, lag, size);
    early = now;
    const double both = energy.early * energy.late;
    *found++ = both > 0 ? product(early, early + lag) / std::sqrt(static_cast<float>(both)) : 0.0f;
  }
}

/// Index of the highest value that has none above it beside it; 0 if there is none.
std::size_t highest_peak(const std::vector<float>& values) {
  std::size_t best = 0;
  for (std::size_t i = 1; i + 1 < values.size(); ++i) {
    const bool peak = values[i] >= values[i - 1] && values[i] >= values[i + 1];
    if (peak && (best == 0 || values[i] > values[best])) best = i;
  }
  return best;
}

}  // namespace

float PeriodSearch::drift(std::span<const float> window, double hz) const {
  const Period found = find(window, hz);
  return found.agreement < kAgreement ? 0.0f : found.drift;
}

Period PeriodSearch::find(std::span<const float> window, double hz) const {
  const Lags lags = lags_about(rate_ / hz, rate_);
  const auto reach = static_cast<std::size_t>(std::max(lags.last + lags.stretch, 0));
  if (lags.first < 1 || reach > window.size()) return {0, 0};
  const std::size_t size = reach + (window.size() - reach) % 2;  // so that the centre stays
  std::vector<float> x(size), found(static_cast<std::size_t>(lags.last - lags.first) + 1);
  centred(window.subspan((window.size() - size) / 2, size), x.data());
  correlate(x.data(), static_cast<int>(size), lags, found.data());
  const std::size_t best = highest_peak(found);
  if (best == 0) return {0, 0};
  const float left = found[best - 1], right = found[best + 1];
  const float bend = left - 2 * found[best] + right;
  const float shift = bend < 0 ? 0.5f * (left - right) / bend : 0.0f;
  const double lag = lags.first + static_cast<double>(best) + static_cast<double>(shift);
  return {static_cast<float>(1200 * std::log2(rate_ * lags.periods / lag / hz)),
          found[best] - 0.25f * (left - right) * shift};
}

GlideSharpener::GlideSharpener(double glide_cents, double share, double min_hz, double hop_s)
    : glide_cents_(static_cast<float>(glide_cents)),
      share_(static_cast<float>(share)),
      low_(static_cast<float>(1200 * std::log2(kBiasedHz / min_hz))),
      high_(static_cast<float>(1200 * std::log2(kUnbiasedHz / min_hz))),
      reach_(static_cast<std::size_t>(std::max(1L, std::lround(kGlide / hop_s)))),
      beside_(static_cast<std::size_t>(std::max(1L, std::lround(kBeside / hop_s)))),
      ring_(2 * reach_ + 1, PathFrame{kUnvoiced, 0.0f}),
      taken_(ring_.size()) {}  // as if unvoiced frames had gone before

bool GlideSharpener::push(PathFrame frame, float& cents) {
  ring_[taken_++ % ring_.size()] = frame;
  if (taken_ <= ring_.size() + reach_) return false;
  cents = sharpened(taken_ - 1 - reach_);
  return true;
}

/// How far the mean pitch by period of the frames around lies above that of a frame; of those that
/// have nearly the same pitch.
float GlideSharpener::steady_drift(std::size_t frame) const {
  float sum = 0, count = 0;
  for (std::size_t i = frame - reach_; i <= frame + reach_; ++i)
    if (at(i).drift != 0 && std::abs(at(i).cents - at(frame).cents) < kSteady) {
      sum += at(i).cents + at(i).drift - at(frame).cents;
      ++count;
    }
  return count > 0 ? sum / count : 0.0f;
}

/// The cents of a frame, moved towards its drift if the pitch moves around it and the drift keeps
/// its sign.
float GlideSharpener::sharpened(std::size_t frame) const {
  const auto [cents, drift] = at(frame);
  const bool glides = std::abs(at(frame + reach_).cents - at(frame - reach_).cents) >= glide_cents_;
  const bool steady =
      drift * at(frame - beside_).drift > 0 || drift * at(frame + beside_).drift > 0;
  if (glides && steady) return cents + std::clamp(share_ * drift, -kMost, kMost);
  if (!(cents < high_)) return cents;
  const float most = kMost * std::min(std::exp2(kFallOfBias * (low_ - cents) / 1200), 1.0f);
  return cents + std::clamp(steady_drift(frame), -most, most);
}

}  // namespace cantaor

// The pitch chain from any samples: frames, their spectra, candidates, periods, the path.
#include <cmath>
#include <complex>
#include <numbers>

#include "cantaor/framing.hpp"
#include "cantaor/glides.hpp"
#include "cantaor/low_pitches.hpp"
#include "cantaor/salience.hpp"
#include "cantaor/tracking.hpp"
#include "input.hpp"

namespace {

using namespace cantaor;
using fuzz::Input;

constexpr int kReferenceRate = 44'100;
constexpr std::int64_t kMostFrames = 8;
constexpr double kSharpened = 1.0235;  // 40 cents, by which a frame may be moved beyond the range

using Complex = std::complex<float>;

/// The spectrum of the values at `first`, `first + step`, ..., whose number is 2^a 3^b 5^c, by
/// splitting off a prime at a time: the kernels need no FFT library.
std::vector<Complex> transform(std::span<const float> row, std::size_t first, std::size_t step,
                               std::span<const Complex> roots) {
  const std::size_t n = row.size() / step;
  if (n == 1) return {Complex(row[first])};
  const std::size_t prime = n % 2 == 0 ? 2 : n % 3 == 0 ? 3 : 5, size = n / prime;
  std::vector<Complex> out(n);
  for (std::size_t part = 0; part < prime; ++part) {
    const auto inner = transform(row, first + part * step, step * prime, roots);
    for (std::size_t k = 0; k < n; ++k)
      out[k] += roots[part * k * step % row.size()] * inner[k % size];
  }
  return out;
}

/// Adds the non-negative frequencies of a row as pairs of floats.
void add_spectrum(std::span<const float> row, std::vector<float>& out) {
  const std::size_t n = row.size();
  std::vector<Complex> roots(n);
  for (std::size_t i = 0; i < n; ++i)
    roots[i] = Complex(
        std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(n)));
  const auto spectrum = transform(row, 0, 1, roots);
  for (std::size_t k = 0; k <= n / 2; ++k) {
    out.push_back(spectrum[k].real());
    out.push_back(spectrum[k].imag());
  }
}

std::vector<float> samples_from(Input& input) {
  const double scale = std::exp2(input.between(-60, 19));
  const bool any_bits = input.flag();
  std::vector<float> out;
  if (any_bits) {
    // Python refuses what is not below 1e6, NaN among it.
    for (const float value : input.numbers<float>(2000))
      out.push_back(std::abs(value) < 1e6f ? value : 0.0f);
  } else {
    for (const std::int8_t value : input.numbers<std::int8_t>(8000))
      out.push_back(static_cast<float>(value * scale / 128));
  }
  if (out.empty()) out.push_back(0);
  return out;
}

struct Candidates {
  std::vector<float> cents, strength, level, between, drift, focus;
  std::vector<std::int8_t> above;

  explicit Candidates(std::size_t frames)
      : cents(frames * kMaxCandidates),
        strength(cents.size()),
        level(frames),
        between(cents.size()),
        drift(frames),
        focus(frames),
        above(cents.size()) {}
};

void demand_candidates(const Candidates& found) {
  for (std::size_t i = 0; i < found.strength.size(); ++i) {
    DEMAND(found.strength[i] >= 0 && found.strength[i] <= 1);
    DEMAND(std::isfinite(found.cents[i]) && !std::isnan(found.between[i]));
    DEMAND(found.above[i] >= -1 && found.above[i] < kMaxCandidates);
  }
  for (std::size_t i = 0; i < found.level.size(); ++i)
    DEMAND(std::isfinite(found.level[i]) && std::isfinite(found.drift[i]));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  // Within what Python lets through.
  const int sample_rate =
      static_cast<int>(input.flag() ? input.from(4'000, 60'000) : 24 * input.from(170, 64'000));
  const int hop = static_cast<int>(input.flag() ? input.from(1, 2048) : input.from(1, 44'100));
  const double min_hz = input.between(20, 1400), max_hz = input.between(min_hz + 1, 3000);
  SalienceSettings settings;
  settings.window_s *= std::max(1.0, settings.min_hz / min_hz);
  settings.min_hz = std::min(settings.min_hz, min_hz);
  const auto first_wanted = input.number<std::uint16_t>();
  const std::vector<float> x = samples_from(input);
  const auto length = static_cast<std::int64_t>(x.size());

  const Framing framing(sample_rate, hop, kReferenceRate, settings.window_s, settings.focus_s,
                        settings.band_hz);
  const std::int64_t frames = framing.frames_of(length);
  DEMAND(frames >= 1 && framing.frames_within(length) <= frames);
  const std::int64_t first = first_wanted % frames, count = std::min(kMostFrames, frames - first);
  const auto stretch = framing.stretch({x, 0, length}, first, count);
  const auto width = static_cast<std::size_t>(framing.fft_size());
  std::vector<float> rows(static_cast<std::size_t>(count) * width);
  Candidates found(static_cast<std::size_t>(count));
  framing.cut(stretch, first, count, rows.data(), found.focus.data());
  std::vector<float> spectra;
  for (std::size_t i = 0; i < found.level.size(); ++i)
    add_spectrum(std::span(rows).subspan(i * width, width), spectra);

  const Salience salience(settings, framing.rate(), framing.fft_size());
  salience.run(spectra.data(), found.focus.data(), count,
               {found.cents.data(),
                found.strength.data(),
                found.level.data(),
                {found.above.data(), found.between.data()}});
  const PeriodSearch search(framing.rate());
  for (std::size_t i = 0; i < found.level.size(); ++i) {
    const auto window =
        std::span(stretch).subspan(framing.offset(first, static_cast<std::int64_t>(i)),
                                   static_cast<std::size_t>(framing.window()));
    const std::size_t at = i * kMaxCandidates;
    confirm_low_pitch(search, window, settings.min_hz, kMaxCandidates, &found.cents[at],
                      &found.strength[at], {&found.above[at], &found.between[at]});
    if (found.strength[at] > 0)
      found.drift[i] = search.drift(
          window, settings.min_hz * std::exp2(static_cast<double>(found.cents[at]) / 1200));
  }
  demand_candidates(found);

  TrackerSettings tracking;
  tracking.lowest_hz = min_hz;
  tracking.highest_hz = max_hz;
  Tracker tracker(tracking, kMaxCandidates, settings.min_hz,
                  static_cast<double>(hop) / kReferenceRate);
  tracker.push({found.cents.data(), found.strength.data(), found.level.data(), found.drift.data(),
                found.between.data(), found.above.data()},
               count);
  tracker.finish();
  const Track& track = tracker.track();
  DEMAND(track.hz.size() == found.level.size());
  for (const float hz : track.hz)
    DEMAND(hz == 0 || (hz > min_hz / kSharpened && hz < max_hz * kSharpened));
  return 0;
}

#include <cmath>
#include <numbers>
#include <random>

#include "cantaor/decimate.hpp"
#include "cantaor/framing.hpp"
#include "cantaor/glides.hpp"
#include "cantaor/salience.hpp"
#include "cantaor/tracking.hpp"
#include "check.hpp"

using namespace cantaor;

namespace {

constexpr double kTau = 2 * std::numbers::pi;

std::vector<float> tone(double hz, double rate, std::size_t samples) {
  std::vector<float> x(samples);
  for (std::size_t i = 0; i < samples; ++i)
    x[i] = static_cast<float>(std::sin(kTau * hz * static_cast<double>(i) / rate));
  return x;
}

float peak(const std::vector<float>& x) {
  float most = 0;
  for (float value : x) most = std::max(most, std::abs(value));
  return most;
}

void test_decimation_keeps_the_passband_and_stops_aliases() {
  const Decimator decimator(4, 0.65);
  std::vector<float> out(1000);
  const auto low = tone(1000, 44'100, 8000);
  decimator.run({low, 0, 8000}, 200, out);
  CHECK(std::abs(peak(out) - 1) < 0.01f);
  const auto high = tone(9000, 44'100, 8000);  // would fold to 2025 Hz
  decimator.run({high, 0, 8000}, 200, out);
  CHECK(peak(out) < 0.003f);
}

void test_pieces_equal_the_whole() {
  const auto x = tone(440, 44'100, 8000);
  const Decimator decimator(4, 0.65);
  std::vector<float> whole(2010), piece(100);
  decimator.run({x, 0, 8000}, -5, whole);  // begins and ends outside the signal
  decimator.run({std::span(x).subspan(3000, 2000), 3000, 5000}, 900, piece);
  for (std::size_t i = 0; i < piece.size(); ++i) CHECK(piece[i] == whole[905 + i]);
}

void test_frame_counts() {
  const Framing framing(48'000, 256, 44'100, 0.04, 0.018, 3600);
  CHECK(framing.frames_of(1) == 1);
  CHECK(framing.frames_of(48'000) == 44'100 / 256 + 1);
  CHECK(framing.frames_within(0) == 0);
  CHECK(framing.last_sample(framing.frames_within(9600) - 1) <= 9600);
}

/// Spectra of harmonic tones by the definition of the transform: the kernel needs no FFT library.
std::vector<float> spectrum_of(const std::vector<float>& row) {
  const std::size_t n = row.size();
  std::vector<float> pairs(2 * (n / 2 + 1));
  for (std::size_t k = 0; k <= n / 2; ++k) {
    double re = 0, im = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double phase = kTau * static_cast<double>(k * i % n) / static_cast<double>(n);
      re += row[i] * std::cos(phase);
      im -= row[i] * std::sin(phase);
    }
    pairs[2 * k] = static_cast<float>(re);
    pairs[2 * k + 1] = static_cast<float>(im);
  }
  return pairs;
}

void test_candidates_of_a_harmonic_tone() {
  const SalienceSettings settings;
  const Framing framing(44'100, 256, 44'100, settings.window_s, settings.focus_s, settings.band_hz);
  std::vector<float> x(8000, 0.0f);
  for (int h = 1; h <= 10; ++h) {
    const auto part = tone(200.0 * h, 44'100, x.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += part[i] / static_cast<float>(h);
  }
  std::vector<float> row(static_cast<std::size_t>(framing.fft_size()), 0.0f);
  float focus = 0, level = 0, cents[kMaxCandidates] = {}, strength[kMaxCandidates] = {};
  framing.cut(framing.stretch({x, 0, 8000}, 15, 1), 15, 1, row.data(), &focus);
  const auto spectrum = spectrum_of(row);
  const Salience salience(settings, framing.rate(), framing.fft_size());
  float between[kMaxCandidates] = {};
  std::int8_t above[kMaxCandidates] = {};
  salience.run(spectrum.data(), &focus, 1, {cents, strength, &level, {above, between}});
  CHECK(std::abs(cents[0] - 1200 * std::log2(200.0 / settings.min_hz)) < 5);
  CHECK(strength[0] > 0.6f && strength[0] <= 1.0f && strength[1] <= strength[0]);
  CHECK(std::abs(focus) < 1);
}

void test_silence_and_odd_spectra() {
  const SalienceSettings settings;
  const Salience salience(settings, 11'025, 576);
  std::vector<float> spectrum(20 * 578, 0.0f), focus(20, 0.0f), level(20),
      cents(20 * kMaxCandidates), strength(cents), between(cents);
  std::vector<std::int8_t> above(cents.size());
  const CandidateRows rows{
      cents.data(), strength.data(), level.data(), {above.data(), between.data()}};
  salience.run(spectrum.data(), focus.data(), 20, rows);
  for (float value : strength) CHECK(value == 0);
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (float& value : spectrum) value = normal(random) * std::exp(10 * normal(random));
  salience.run(spectrum.data(), focus.data(), 20, rows);
  for (float value : strength) CHECK(value >= 0 && value <= 1);
}

void test_tracking_in_pieces_equals_the_whole() {
  std::mt19937 random(2);
  std::uniform_real_distribution<float> uniform;
  const std::int64_t frames = 20'000;
  std::vector<float> cents(static_cast<std::size_t>(frames * 6)), strength(cents.size());
  std::vector<float> level(static_cast<std::size_t>(frames)), drift(level.size());
  for (auto& value : cents) value = 5000 * uniform(random);
  for (auto& value : strength) value = uniform(random);
  for (auto& value : level) value = random() % 900 == 0 ? -200 : -60 * uniform(random);
  for (auto& value : drift) value = 200 * uniform(random) - 100;
  std::vector<float> between(cents.size());
  std::vector<std::int8_t> above(cents.size());
  for (auto& value : between) value = -30 * uniform(random);
  for (auto& value : above) value = static_cast<std::int8_t>(random() % 7) - 1;
  const auto track = [&](std::int64_t portion) {
    Tracker tracker({}, 6, 55, 256.0 / 44'100);
    for (std::int64_t i = 0; i < frames; i += portion)
      tracker.push({cents.data() + 6 * i, strength.data() + 6 * i, level.data() + i,
                    drift.data() + i, between.data() + 6 * i, above.data() + 6 * i},
                   std::min(portion, frames - i));
    tracker.finish();
    return tracker.track();
  };
  const Track whole = track(frames), pieces = track(777);
  CHECK(whole.hz.size() == static_cast<std::size_t>(frames));
  CHECK(whole.hz == pieces.hz && whole.strength == pieces.strength);
  CHECK(whole.octave_confidence == pieces.octave_confidence);
}

void test_the_period_at_the_centre() {
  const PeriodSearch search(11'025);
  const auto steady = tone(200, 11'025, 464);
  CHECK(std::abs(search.drift(steady, 195) - 1200 * std::log2(200.0 / 195)) < 3);
  CHECK(search.drift(tone(200, 11'025, 60), 195) == 0);  // the window holds no two periods
  CHECK(search.drift(std::vector<float>(464, 0.0f), 195) == 0);
  CHECK(search.drift(steady, 20) == 0);
}

void test_glides_come_out_in_order() {
  GlideSharpener sharpener(30, 0.5, 55, 256.0 / 44'100);
  std::vector<float> out;
  float cents = 0;
  for (int i = 0; i < 50; ++i)  // steady, then a glide of 20 cents a frame
    if (sharpener.push({i < 25 ? 1000.0f : 1000.0f + 20 * static_cast<float>(i - 25), 50.0f},
                       cents))
      out.push_back(cents);
  CHECK(out.size() == 50 - sharpener.lag());
  CHECK(out[0] == out[10]);  // nothing lies before the first frame
  CHECK(std::abs(out[40] - (1300 + 25)) < 1e-3f);
}

/// A frame of an octave pair, the lower stronger, with partials between that lie `level` dB below.
Track track_pairs(float level, int frames) {
  const float cents[] = {1200, 2400, 0, 0, 0, 0}, strength[] = {0.7f, 0.6f, 0, 0, 0, 0};
  const float between[] = {level, kUnknownDb, 0, 0, 0, 0};
  const std::int8_t above[] = {1, -1, -1, -1, -1, -1};
  const float loud = -20, drift = 0;
  Tracker tracker({}, 6, 55, 256.0 / 44'100);
  for (int i = 0; i < frames; ++i)
    tracker.push({cents, strength, &loud, &drift, between, above}, 1);
  tracker.finish();
  return tracker.track();
}

void test_subharmonics_give_way() {
  const Track rough = track_pairs(-20, 50), smooth = track_pairs(-3, 50);
  CHECK(std::abs(rough.hz[25] - 220) < 0.1f && rough.octave_confidence[25] > 0.9f);
  CHECK(std::abs(smooth.hz[25] - 110) < 2 && smooth.octave_confidence[25] > 0.5f);
}

void test_what_stands_between_harmonics() {
  std::vector<float> power(142, 1e-8f);
  for (int order = 1; order <= 12; ++order)  // of 5 bins; every other one 20 dB weaker
    power[5 * static_cast<std::size_t>(order)] = order % 2 == 0 ? 1.0f : 0.01f;
  const OctaveEvidence evidence(20, 140, 50);
  const float cents[] = {1200, 2400}, strength[] = {0.7f, 0.6f};  // 100 and 200 Hz
  std::int8_t above[2];
  float between[2];
  evidence.run(power.data(), cents, strength, 2, {above, between});
  CHECK(above[0] == 1 && above[1] == -1 && between[1] == kUnknownDb);
  CHECK(std::abs(between[0] + 19) < 1.1f);  // the first has one neighbour
}

void test_tracking_nothing() {
  Tracker tracker({}, 6, 55, 256.0 / 44'100);
  tracker.finish();
  CHECK(tracker.track().hz.empty());
}

}  // namespace

int main() {
  test_decimation_keeps_the_passband_and_stops_aliases();
  test_pieces_equal_the_whole();
  test_frame_counts();
  test_candidates_of_a_harmonic_tone();
  test_silence_and_odd_spectra();
  test_tracking_in_pieces_equals_the_whole();
  test_the_period_at_the_centre();
  test_glides_come_out_in_order();
  test_subharmonics_give_way();
  test_what_stands_between_harmonics();
  test_tracking_nothing();
}

#include "cantaor/salience.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <stdexcept>

// Twice the width where the processor has it. Without fused multiply-add in either version, both
// do the same operations in the same order and give the same bits.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define CANTAOR_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define CANTAOR_WIDE
#endif

namespace cantaor {
namespace {

constexpr float kSilence = -200;       // dB
constexpr std::size_t kSteps = 32;     // positions of a bump within a bin
constexpr std::size_t kBumpSize = 16;  // bins
constexpr std::size_t kCopies = 8;     // of the axis that are added in one pass
constexpr float kWeakest = 0.3f;       // candidate, over the strongest of the frame
constexpr double kBinsPerOctave = 1200 / kBinCents;

int decimation(int sample_rate) {
  return std::max(1, sample_rate / 10'500);
}

/// Smallest even 2^a 3^b 5^c that holds n samples: fast for every FFT library.
int good_size(int n) {
  for (int size = n + n % 2;; size += 2) {
    int rest = size;
    for (int prime : {2, 3, 5})
      while (rest % prime == 0) rest /= prime;
    if (rest == 1) return size;
  }
}

/// Hann window with a sum of 1, symmetric about sample length / 2.
std::vector<float> hann(int length) {
  std::vector<float> window(static_cast<std::size_t>(length));
  for (std::size_t i = 0; i < window.size(); ++i) {
    const double phase = 2 * std::numbers::pi * static_cast<double>(i) / length;
    window[i] = static_cast<float>((1 - std::cos(phase)) / length);
  }
  return window;
}

/// Bumps (1 - x^2)^2 at each of kSteps positions within bin kBumpSize / 2.
std::vector<float> bumps(double half_width) {
  std::vector<float> table(kSteps * kBumpSize);
  for (std::size_t step = 0; step < kSteps; ++step)
    for (std::size_t bin = 0; bin < kBumpSize; ++bin) {
      const double centre = kBumpSize / 2 + (static_cast<double>(step) + 0.5) / kSteps;
      const double x = (static_cast<double>(bin) - centre) / half_width;
      const double dip = std::max(0.0, 1 - x * x);
      table[step * kBumpSize + bin] = static_cast<float>(dip * dip);
    }
  return table;
}

/// Sum over i of term(i), in a fixed order of additions that compilers can vectorise.
template <typename Term>
float sum_of(std::size_t size, Term term) {
  constexpr std::size_t lanes = 8;
  float sums[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= size; i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += term(i + lane);
  for (std::size_t lane = 0; i + lane < size; ++lane) sums[lane] += term(i + lane);
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

/// sum[i] = the weighted sum of eight shifted copies of the axis, added to what is there.
CANTAOR_WIDE void add_shifted(float* __restrict sum, const float* axis, const std::size_t* shift,
                              const float* weight, std::size_t size) {
  const float *a = axis + shift[0], *b = axis + shift[1], *c = axis + shift[2],
              *d = axis + shift[3], *e = axis + shift[4], *f = axis + shift[5],
              *g = axis + shift[6], *h = axis + shift[7];
  const float wa = weight[0], wb = weight[1], wc = weight[2], wd = weight[3], we = weight[4],
              wf = weight[5], wg = weight[6], wh = weight[7];
  for (std::size_t i = 0; i < size; ++i)
    sum[i] += ((wa * a[i] + wb * b[i]) + (wc * c[i] + wd * d[i])) +
              ((we * e[i] + wf * f[i]) + (wg * g[i] + wh * h[i]));
}

CANTAOR_WIDE void powers(const float* __restrict pairs, float* __restrict out, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i)
    out[i] = pairs[2 * i] * pairs[2 * i] + pairs[2 * i + 1] * pairs[2 * i + 1];
}

/// Eighth roots, in place.
CANTAOR_WIDE void compress(float* __restrict values, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) values[i] = std::sqrt(std::sqrt(std::sqrt(values[i])));
}

/// Largest of the values, by lanes that compilers can vectorise; 0 if none is above 0.
float largest(const float* values, std::size_t size) {
  constexpr std::size_t lanes = 8;
  float most[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= size; i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane)
      most[lane] = values[i + lane] > most[lane] ? values[i + lane] : most[lane];
  for (; i < size; ++i) most[0] = std::max(most[0], values[i]);
  return *std::max_element(most, most + lanes);
}

/// Indices of local maxima above a threshold in values[first..last], without branches.
std::size_t local_maxima(const float* values, std::size_t first, std::size_t last, float threshold,
                         std::uint32_t* found) {
  std::size_t count = 0;
  for (std::size_t i = first; i <= last; ++i) {
    found[count] = static_cast<std::uint32_t>(i);
    const bool above = values[i] > threshold;
    const bool rising = values[i] > values[i - 1];
    const bool falling = values[i] >= values[i + 1];
    count += static_cast<std::size_t>(above & rising & falling);
  }
  return count;
}

}  // namespace

Framing::Framing(int sample_rate, int hop, int reference_rate, double window_s, double focus_s,
                 double band_hz)
    : sample_rate_(sample_rate),
      hop_(hop),
      reference_rate_(reference_rate),
      decimator_(decimation(sample_rate),
                 std::min(0.9, band_hz * 2 * decimation(sample_rate) / sample_rate)),
      rate_(static_cast<double>(sample_rate) / decimation(sample_rate)) {
  const int length = std::max(16, static_cast<int>(std::lround(window_s * rate_)) / 2 * 2);
  fft_size_ = good_size(length + length / 32);
  window_ = hann(length);
  focus_ = hann(std::min(length, static_cast<int>(std::lround(focus_s * rate_)) / 2 * 2));
}

std::int64_t Framing::frames_of(std::int64_t samples) const {
  // duration * reference / hop in whole numbers, so that no rounding moves the last frame.
  return samples * reference_rate_ / (static_cast<std::int64_t>(sample_rate_) * hop_) + 1;
}

std::int64_t Framing::frames_within(std::int64_t samples) const {
  std::int64_t frames = frames_of(samples);
  while (frames > 0 && last_sample(frames - 1) > samples) --frames;
  return frames;
}

std::int64_t Framing::centre(std::int64_t frame) const {
  const std::int64_t unit = static_cast<std::int64_t>(reference_rate_) * decimator_.factor();
  return floor_div(2 * frame * hop_ * sample_rate_ + unit, 2 * unit);
}

std::int64_t Framing::first_sample(std::int64_t frame) const {
  return (centre(frame) - window() / 2) * decimator_.factor() - decimator_.reach();
}

std::int64_t Framing::last_sample(std::int64_t frame) const {
  return (centre(frame) + window() / 2) * decimator_.factor() + decimator_.reach() + 1;
}

void Framing::cut(const Excerpt& input, std::int64_t first, std::int64_t count, float* rows,
                  float* focus_db) const {
  if (count == 0) return;
  const std::int64_t begin = centre(first) - window() / 2;
  const std::int64_t end = centre(first + count - 1) + window() / 2;
  std::vector<float> decimated(static_cast<std::size_t>(end - begin));
  decimator_.run(input, begin, decimated);
  const std::size_t size = window_.size(), side = (size - focus_.size()) / 2;
  for (std::int64_t i = 0; i < count; ++i, rows += fft_size_) {
    const float* x = decimated.data() + (centre(first + i) - window() / 2 - begin);
    const float mean = sum_of(size, [x](std::size_t j) { return x[j]; }) / static_cast<float>(size);
    for (std::size_t j = 0; j < size; ++j) rows[j] = x[j] - mean;
    const float* inside = rows + side;
    const float* focus = focus_.data();
    const float* window = window_.data();
    const float here =
        sum_of(focus_.size(), [=](std::size_t j) { return inside[j] * inside[j] * focus[j]; });
    for (std::size_t j = 0; j < size; ++j) rows[j] *= window[j];
    const float* row = rows;
    const float all = sum_of(size, [=](std::size_t j) { return row[j] * row[j]; });
    // The sum of a squared Hann window of sum 1 is 1.5 over its length.
    const float ratio = here / (all * static_cast<float>(size) / 1.5f);
    focus_db[i] = ratio > 1e-6f && all > 0 ? std::min(10 * std::log10(ratio), 10.0f) : -60.0f;
  }
}

struct Salience::Workspace {
  explicit Workspace(std::size_t bins, std::size_t axis_size, std::size_t sum_size)
      : power(bins),
        peak(std::max(bins, sum_size)),
        left(bins),
        middle(bins),
        right(bins),
        axis(axis_size),
        sum(sum_size) {}

  std::vector<float> power;
  std::vector<std::uint32_t> peak;
  std::vector<float> left, middle, right;  // compressed power around each peak
  std::vector<float> axis;                 // peaks spread over cent bins
  std::vector<float> sum;                  // salience of each fundamental
  float level = 0;                         // power in the band
  float energy = 0;                        // sum of squares of the peaks' weights
};

Salience::Salience(const SalienceSettings& settings, double rate, int fft_size)
    : settings_(settings), row_(static_cast<std::size_t>(fft_size / 2 + 1) * 2) {
  if (!(settings.half_width_cents > 0 && settings.half_width_cents < 7 * kBinCents))
    throw std::invalid_argument("half_width_cents must lie in 0..70");
  if (settings.candidates < 1 || settings.candidates > kMaxCandidates)
    throw std::invalid_argument("candidates must lie in 1.." + std::to_string(kMaxCandidates));
  const double spacing = rate / fft_size;
  const double band = std::min(settings.band_hz, rate / 2 - 2 * spacing);
  bumps_ = bumps(settings.half_width_cents / kBinCents);
  threshold_ = static_cast<float>(std::pow(10.0, -settings.peak_range_db / 10));
  const auto bins = [&](double ratio) { return kBinsPerOctave * std::log2(ratio); };
  const auto margin = kBumpSize;
  below_ = static_cast<std::size_t>(kBinsPerOctave) + margin;
  size_ = static_cast<std::size_t>(std::ceil(bins(settings.max_hz / settings.min_hz))) + 1;
  first_bin_ =
      std::max<std::size_t>(2, static_cast<std::size_t>(settings.min_hz / 2 / spacing) + 2);
  last_bin_ = static_cast<std::size_t>(band / spacing);
  position_.resize(last_bin_ + 2);
  for (std::size_t k = 1; k < position_.size(); ++k)
    position_[k] = static_cast<float>(bins(static_cast<double>(k) * spacing / settings.min_hz) +
                                      static_cast<double>(below_));
  double squares = 0, weight = 1;
  std::size_t furthest = 0;
  for (int h = 1; h <= settings.harmonics; ++h, weight *= settings.decay) {
    const auto shift = [&](double multiple) {
      return static_cast<std::size_t>(std::lround(bins(multiple)) + static_cast<long>(below_));
    };
    offsets_.push_back(shift(h));
    weights_.push_back(static_cast<float>(weight));
    offsets_.push_back(shift(h - 0.5));
    weights_.push_back(static_cast<float>(-settings.between * weight));
    squares += weight * weight;
    furthest = shift(h);
  }
  offsets_.resize((offsets_.size() + kCopies - 1) / kCopies * kCopies, below_);
  weights_.resize(offsets_.size(), 0.0f);
  weight_norm_ = static_cast<float>(1 / std::sqrt(squares));
  axis_ = std::max(furthest + size_, static_cast<std::size_t>(position_.back()) + margin) + margin;
}

void Salience::run(const float* spectrum, const float* focus_db, std::int64_t count,
                   const CandidateRows& out) const {
  Workspace work(last_bin_ + 2, axis_, size_);
  for (std::int64_t frame = 0; frame < count; ++frame) {
    spread_peaks(spectrum + static_cast<std::size_t>(frame) * row_, work);
    out.level_db[frame] =
        work.level > 1e-20f ? 10 * std::log10(work.level) + focus_db[frame] : kSilence;
    const auto at = frame * settings_.candidates;
    std::fill_n(out.cents + at, settings_.candidates, 0.0f);
    std::fill_n(out.strength + at, settings_.candidates, 0.0f);
    if (work.energy <= 0) continue;
    sum_harmonics(work);
    pick(work, out.cents + at, out.strength + at);
  }
}

void Salience::spread_peaks(const float* row, Workspace& work) const {
  const std::size_t low = first_bin_ - 1;
  powers(row + 2 * low, work.power.data() + low, last_bin_ + 2 - low);
  const float* inside = work.power.data() + first_bin_;
  const std::size_t bins = last_bin_ + 1 - first_bin_;
  const float strongest = largest(inside, bins);
  work.level = sum_of(bins, [inside](std::size_t i) { return inside[i]; });
  std::fill(work.axis.begin(), work.axis.end(), 0.0f);
  work.energy = 0;
  if (!(work.level > 1e-20f)) return;
  const std::size_t peaks = find_peaks(strongest * threshold_, work);
  for (std::size_t i = 0; i < peaks; ++i) {
    const float l = work.left[i], m = work.middle[i], r = work.right[i];
    const float shift = 0.5f * (l - r) / std::min(l - 2 * m + r, -1e-9f * m);
    const float height = m - 0.25f * (l - r) * shift;
    const auto k = work.peak[i];
    const float part =
        shift > 0 ? position_[k + 1] - position_[k] : position_[k] - position_[k - 1];
    const float weight = height * height;
    work.energy += weight * weight;
    spread(position_[k] + shift * part, weight, work.axis.data());
  }
}

/// Local maxima above the threshold, with the compressed power of three bins: power to 1/8, near
/// the exponent at which parabolic interpolation of a Hann window's peak is least biased
/// (Werner & Germain, JASA 2016).
std::size_t Salience::find_peaks(float threshold, Workspace& work) const {
  const float* power = work.power.data();
  const std::size_t peaks = local_maxima(power, first_bin_, last_bin_, threshold, work.peak.data());
  for (std::size_t i = 0; i < peaks; ++i) {
    const auto k = work.peak[i];
    work.left[i] = power[k - 1];
    work.middle[i] = power[k];
    work.right[i] = power[k + 1];
  }
  for (float* side : {work.left.data(), work.middle.data(), work.right.data()})
    compress(side, peaks);
  return peaks;
}

/// Adds a bump around a position on the cent axis.
void Salience::spread(float position, float weight, float* axis) const {
  const auto steps = static_cast<std::size_t>(position * kSteps);
  const float* bump = bumps_.data() + steps % kSteps * kBumpSize;
  float* bin = axis + steps / kSteps - kBumpSize / 2;
  for (std::size_t i = 0; i < kBumpSize; ++i) bin[i] += weight * bump[i];
}

void Salience::sum_harmonics(Workspace& work) const {
  std::fill(work.sum.begin(), work.sum.end(), 0.0f);
  for (std::size_t i = 0; i < offsets_.size(); i += kCopies)
    add_shifted(work.sum.data(), work.axis.data(), offsets_.data() + i, weights_.data() + i, size_);
}

void Salience::pick(Workspace& work, float* cents, float* strength) const {
  const float* sum = work.sum.data();
  const float norm = weight_norm_ / std::sqrt(work.energy);
  const int most = settings_.candidates;
  const float least = kWeakest * largest(sum, size_);
  const std::size_t found = local_maxima(sum, 1, size_ - 2, least, work.peak.data());
  for (std::size_t i = 0; i < found; ++i) {
    const std::size_t b = work.peak[i];
    const float here = sum[b];
    const float bend = sum[b - 1] - 2 * here + sum[b + 1];
    const float shift = bend < 0 ? 0.5f * (sum[b - 1] - sum[b + 1]) / bend : 0.0f;
    const float height = (here - 0.25f * (sum[b - 1] - sum[b + 1]) * shift) * norm;
    int place = most;
    while (place > 0 && height > strength[place - 1]) --place;
    if (place == most) continue;
    for (int j = most - 1; j > place; --j) {
      cents[j] = cents[j - 1];
      strength[j] = strength[j - 1];
    }
    cents[place] = (static_cast<float>(b) + shift) * static_cast<float>(kBinCents);
    strength[place] = std::min(height, 1.0f);
  }
}

}  // namespace cantaor

#include "cantaor/salience.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "cantaor/wide.hpp"

namespace cantaor {
namespace {

constexpr float kSilence = -200;       // dB
constexpr std::size_t kSteps = 32;     // positions of a bump within a bin
constexpr std::size_t kBumpSize = 16;  // bins
constexpr std::size_t kCopies = 8;     // of the axis that are added in one pass
constexpr float kWeakest = 0.3f;       // candidate, over the strongest of the frame
constexpr double kBinsPerOctave = 1200 / kBinCents;

/// Bumps (1 - x^2)^2 at each of kSteps positions within bin kBumpSize / 2.
std::vector<float> bumps(double half_width) {
  std::vector<float> table(kSteps * kBumpSize);
  for (std::size_t step = 0; step < kSteps; ++step)
    for (std::size_t bin = 0; bin < kBumpSize; ++bin) {
      const std::size_t middle = kBumpSize / 2;
      const double centre =
          static_cast<double>(middle) + (static_cast<double>(step) + 0.5) / kSteps;
      const double x = (static_cast<double>(bin) - centre) / half_width;
      const double dip = std::max(0.0, 1 - x * x);
      table[step * kBumpSize + bin] = static_cast<float>(dip * dip);
    }
  return table;
}

/// Highest bin at which a peak may lie.
std::size_t highest_bin(const SalienceSettings& settings, double rate, int fft_size) {
  const double spacing = rate / fft_size;
  return static_cast<std::size_t>(std::min(settings.band_hz, rate / 2 - 2 * spacing) / spacing);
}

/// sum[i] = the weighted sum of eight shifted copies of the axis, added to what is there or, the
/// first time, in its place.
template <bool kAdded>
CANTAOR_INLINE void shifted(float* __restrict sum, const float* axis, const std::size_t* shift,
                            const float* weight, std::size_t size) {
  const float *a = axis + shift[0], *b = axis + shift[1], *c = axis + shift[2],
              *d = axis + shift[3], *e = axis + shift[4], *f = axis + shift[5],
              *g = axis + shift[6], *h = axis + shift[7];
  const float wa = weight[0], wb = weight[1], wc = weight[2], wd = weight[3], we = weight[4],
              wf = weight[5], wg = weight[6], wh = weight[7];
  for (std::size_t i = 0; i < size; ++i)
    sum[i] = (kAdded ? sum[i] : 0.0f) + (((wa * a[i] + wb * b[i]) + (wc * c[i] + wd * d[i])) +
                                         ((we * e[i] + wf * f[i]) + (wg * g[i] + wh * h[i])));
}

CANTAOR_WIDE void set_shifted(float* __restrict sum, const float* axis, const std::size_t* shift,
                              const float* weight, std::size_t size) {
  shifted<false>(sum, axis, shift, weight, size);
}

CANTAOR_WIDE void add_shifted(float* __restrict sum, const float* axis, const std::size_t* shift,
                              const float* weight, std::size_t size) {
  shifted<true>(sum, axis, shift, weight, size);
}

CANTAOR_WIDE void powers(const float* __restrict pairs, float* __restrict out, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i)
    out[i] = pairs[2 * i] * pairs[2 * i] + pairs[2 * i + 1] * pairs[2 * i + 1];
}

/// Eighth roots, in place.
CANTAOR_WIDE void compress(float* __restrict values, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) values[i] = std::sqrt(std::sqrt(std::sqrt(values[i])));
}

/// The top of the parabola through three compressed powers: how far it lies from the middle one
/// (into `left`), and its square (into `middle`), which is the weight of the peak.
CANTAOR_WIDE void interpolate_peaks(float* __restrict left, float* __restrict middle,
                                    const float* __restrict right, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    const float l = left[i], m = middle[i], r = right[i];
    const float bend = l - 2 * m + r, least = -1e-9f * m;
    const float shift = 0.5f * (l - r) / (bend < least ? bend : least);
    const float height = m - 0.25f * (l - r) * shift;
    left[i] = shift;
    middle[i] = height * height;
  }
}

/// Largest of the values; 0 if none is above 0.
CANTAOR_WIDE float largest(const float* values, std::size_t size) {
  float most[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= size; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      most[lane] = values[i + lane] > most[lane] ? values[i + lane] : most[lane];
  for (; i < size; ++i) most[0] = std::max(most[0], values[i]);
  return *std::max_element(most, most + kLanes);
}

/// Marks local maxima above a threshold in values[0..size), which has a neighbour on either side.
CANTAOR_WIDE void mark_maxima(const float* __restrict values, std::size_t size, float threshold,
                              std::uint8_t* __restrict marks) {
  for (std::size_t i = 0; i < size; ++i) {
    const bool above = values[i] > threshold;
    const bool rising = values[i] > values[std::ptrdiff_t(i) - 1];
    const bool falling = values[i] >= values[i + 1];
    marks[i] = static_cast<std::uint8_t>(above & rising & falling);
  }
}

/// Indices of the marks that are set (1, the others 0); `marks` ends with eight spare bytes.
std::size_t collect(std::uint8_t* marks, std::size_t size, std::uint32_t* found) {
  static_assert(std::endian::native == std::endian::little, "eight marks are read as one word");
  std::fill_n(marks + size, 8, std::uint8_t{0});
  std::size_t count = 0;
  for (std::size_t i = 0; i < size; i += 8) {
    std::uint64_t word;
    std::memcpy(&word, marks + i, 8);
    for (; word != 0; word &= word - 1)
      found[count++] =
          static_cast<std::uint32_t>(i) + static_cast<std::uint32_t>(std::countr_zero(word)) / 8;
  }
  return count;
}

/// Adds a bump of each weight around each position on the cent axis.
CANTAOR_WIDE void spread(const float* position, const float* weight, std::size_t size,
                         const float* __restrict bumps, float* __restrict axis) {
  for (std::size_t peak = 0; peak < size; ++peak) {
    const auto steps = static_cast<std::uint32_t>(position[peak] * kSteps);
    const float* bump = bumps + steps % kSteps * kBumpSize;
    float* bin = axis + steps / kSteps - kBumpSize / 2;
    const float height = weight[peak];
    for (std::size_t i = 0; i < kBumpSize; ++i) bin[i] += height * bump[i];
  }
}

}  // namespace

struct Salience::Workspace {
  explicit Workspace(std::size_t bins, std::size_t axis_size, std::size_t sum_size)
      : power(bins),
        peak(std::max(bins, sum_size)),
        marks(std::max(bins, sum_size) + 8),
        left(bins),
        middle(bins),
        right(bins),
        axis(axis_size),
        sum(sum_size) {}

  std::vector<float> power;
  std::vector<std::uint32_t> peak;
  std::vector<std::uint8_t> marks;
  std::vector<float> left, middle, right;  // compressed power around each peak
  std::vector<float> axis;                 // peaks spread over cent bins
  std::vector<float> sum;                  // salience of each fundamental
  float level = 0;                         // power in the band
  float energy = 0;                        // sum of squares of the peaks' weights
};

Salience::Salience(const SalienceSettings& settings, double rate, int fft_size)
    : settings_(settings),
      octaves_(rate / fft_size, highest_bin(settings, rate, fft_size), settings.min_hz),
      row_(static_cast<std::size_t>(fft_size / 2 + 1) * 2) {
  if (!(settings.half_width_cents > 0 && settings.half_width_cents < 7 * kBinCents))
    throw std::invalid_argument("half_width_cents must lie in 0..70");
  if (settings.candidates < 1 || settings.candidates > kMaxCandidates)
    throw std::invalid_argument("candidates must lie in 1.." + std::to_string(kMaxCandidates));
  const double spacing = rate / fft_size;
  bumps_ = bumps(settings.half_width_cents / kBinCents);
  threshold_ = static_cast<float>(std::pow(10.0, -settings.peak_range_db / 10));
  const auto bins = [&](double ratio) { return kBinsPerOctave * std::log2(ratio); };
  const auto margin = kBumpSize;
  below_ = static_cast<std::size_t>(kBinsPerOctave) + margin;
  size_ = static_cast<std::size_t>(std::ceil(bins(settings.max_hz / settings.min_hz))) + 1;
  first_bin_ =
      std::max<std::size_t>(2, static_cast<std::size_t>(settings.min_hz / 2 / spacing) + 2);
  last_bin_ = highest_bin(settings, rate, fft_size);
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
  end_ = static_cast<std::size_t>(position_.back()) + kBumpSize;
  for (std::size_t i = 0; i < offsets_.size(); i += kCopies) {
    const auto nearest = *std::min_element(
        offsets_.begin() + static_cast<std::ptrdiff_t>(i),
        offsets_.begin() + static_cast<std::ptrdiff_t>(std::min(i + kCopies, offsets_.size())));
    sizes_.push_back(std::min(size_, end_ - std::min(end_, nearest)));
  }
  offsets_.resize(sizes_.size() * kCopies, below_);
  weights_.resize(offsets_.size(), 0.0f);
  weight_norm_ = static_cast<float>(1 / std::sqrt(squares));
  axis_ = std::max(furthest + size_, end_) + margin;
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
    if (work.energy > 0) {
      sum_harmonics(work);
      pick(work, out.cents + at, out.strength + at);
    }
    octaves_.run(work.power.data(), out.cents + at, out.strength + at, settings_.candidates,
                 {out.octaves.above + at, out.octaves.between_db + at});
  }
}

void Salience::spread_peaks(const float* row, Workspace& work) const {
  const std::size_t low = first_bin_ - 1;
  powers(row + 2 * low, work.power.data() + low, last_bin_ + 2 - low);
  const float* inside = work.power.data() + first_bin_;
  const std::size_t bins = last_bin_ + 1 - first_bin_;
  const float strongest = largest(inside, bins);
  work.level = sum_of(bins, [inside](std::size_t i) { return inside[i]; });
  std::fill_n(work.axis.begin(), end_, 0.0f);
  work.energy = 0;
  if (!(work.level > 1e-20f)) return;
  const std::size_t peaks = find_peaks(strongest * threshold_, work);
  const float* weight = work.middle.data();
  work.energy = sum_of(peaks, [weight](std::size_t i) { return weight[i] * weight[i]; });
  for (std::size_t i = 0; i < peaks; ++i) {
    const auto k = work.peak[i];
    const float shift = work.left[i];
    const float part =
        shift > 0 ? position_[k + 1] - position_[k] : position_[k] - position_[k - 1];
    work.right[i] = position_[k] + shift * part;
  }
  spread(work.right.data(), weight, peaks, bumps_.data(), work.axis.data());
}

/// Local maxima above the threshold, refined on the power of three bins to 1/8, near the exponent
/// at which parabolic interpolation of a Hann window's peak is least biased (Werner & Germain,
/// JASA 2016). Leaves their bins in `peak`, their shifts in `left`, their weights in `middle`.
std::size_t Salience::find_peaks(float threshold, Workspace& work) const {
  const std::size_t size = last_bin_ + 1 - first_bin_;
  const float* power = work.power.data() + first_bin_;
  mark_maxima(power, size, threshold, work.marks.data());
  const std::size_t peaks = collect(work.marks.data(), size, work.peak.data());
  for (std::size_t i = 0; i < peaks; ++i) {
    work.peak[i] += static_cast<std::uint32_t>(first_bin_);
    const float* at = work.power.data() + work.peak[i];
    work.left[i] = at[-1];
    work.middle[i] = at[0];
    work.right[i] = at[1];
  }
  for (float* side : {work.left.data(), work.middle.data(), work.right.data()})
    compress(side, peaks);
  interpolate_peaks(work.left.data(), work.middle.data(), work.right.data(), peaks);
  return peaks;
}

void Salience::sum_harmonics(Workspace& work) const {
  for (std::size_t i = 0; i < offsets_.size(); i += kCopies)
    (i == 0 ? set_shifted : add_shifted)(work.sum.data(), work.axis.data(), offsets_.data() + i,
                                         weights_.data() + i, sizes_[i / kCopies]);
  // What the band does not reach, which is the same in every frame, was 0 from the beginning.
}

void Salience::pick(Workspace& work, float* cents, float* strength) const {
  const float* sum = work.sum.data();
  const float norm = weight_norm_ / std::sqrt(work.energy);
  const int most = settings_.candidates;
  const float least = kWeakest * largest(sum, size_);
  mark_maxima(sum + 1, size_ - 2, least, work.marks.data());
  const std::size_t found = collect(work.marks.data(), size_ - 2, work.peak.data());
  for (std::size_t i = 0; i < found; ++i) {
    const std::size_t b = work.peak[i] + 1;
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

// Runs one kernel on a fixed input, for counting its instructions (benchmarks/instructions.py).
//
// The input is made before `measured_kernel` is entered; only what happens inside it is counted.
#include <cmath>
#include <cstdio>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "cantaor/anchors.hpp"
#include "cantaor/bide.hpp"
#include "cantaor/build_info.hpp"
#include "cantaor/contiguous.hpp"
#include "cantaor/contour.hpp"
#include "cantaor/decimate.hpp"
#include "cantaor/framing.hpp"
#include "cantaor/gapped.hpp"
#include "cantaor/occurrences.hpp"
#include "cantaor/salience.hpp"
#include "cantaor/similarity.hpp"
#include "cantaor/tracking.hpp"
#include "cantaor/vibrato.hpp"

namespace {

using namespace cantaor;
using Work = std::function<std::size_t()>;

Work work;

}  // namespace

/// What is counted; not inlined, so that its name can be given to callgrind.
extern "C" __attribute__((noinline, used)) std::size_t measured_kernel() {
  return work();
}

namespace {

/// Numbers 0 .. below - 1; the standard distributions differ between libraries, this does not.
class Numbers {
 public:
  std::uint32_t operator()(std::uint32_t below) {
    return static_cast<std::uint32_t>(random_()) % below;
  }
  float unit() { return static_cast<float>((*this)(1u << 24)) / static_cast<float>(1u << 24); }
  std::vector<float> units(std::size_t count) {
    std::vector<float> out(count);
    for (float& value : out) value = unit();
    return out;
  }

 private:
  std::mt19937 random_{20201011};
};

struct Database {
  std::vector<std::int32_t> values;
  std::vector<std::int64_t> offsets{0};
  SequencesView view() const { return {values, offsets}; }
};

/// Phrases of 5 to 40 signed steps among `alphabet` values.
Database phrases(std::size_t count, std::uint32_t alphabet) {
  Numbers number;
  Database out;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::uint32_t j = 0, n = 5 + number(36); j < n; ++j) {
      // The smaller of two draws: some steps are commoner than others.
      const auto step = std::min(number(alphabet), number(alphabet));
      out.values.push_back(static_cast<std::int32_t>(step) -
                           static_cast<std::int32_t>(alphabet / 2));
    }
    out.offsets.push_back(static_cast<std::int64_t>(out.values.size()));
  }
  return out;
}

MiningOptions at_least(std::int64_t support) {
  MiningOptions options;
  options.min_support = support;
  return options;
}

Work any_gap(Layout layout) {
  return [data = phrases(300, 6), layout] {
    Control control;
    return mine_any_gap(data.view(), at_least(250), control, layout).size();
  };
}

Work contiguous() {
  return [data = phrases(2'000, 6)] {
    Control control;
    return mine_contiguous(data.view(), at_least(3), Closure::both_sides, control).size();
  };
}

Work gapped() {
  return [data = phrases(300, 6)] {
    Control control;
    return mine_gapped(data.view(), at_least(150), 0, 2, control).size();
  };
}

struct Search {
  Database data;
  Patterns motifs;
  SequencesView wanted() const { return {motifs.values, motifs.offsets}; }
};

Search search() {
  Control control;
  Search out{phrases(1'000, 6), {}};
  out.motifs = mine_contiguous(out.data.view(), at_least(3), Closure::both_sides, control);
  return out;
}

Work occurrences() {
  return [in = search()] {
    Control control;
    return find_contiguous(in.wanted(), in.data.view(), control).start.size();
  };
}

Work windows() {
  return [data = phrases(300, 6)] {
    Control control;
    const std::vector<std::int32_t> values{1, -1, 0, 1, 2, -2, 0, 0, -1};
    const std::vector<std::int64_t> offsets{0, 3, 6, 9};
    return find_minimal_windows({values, offsets}, data.view(), 0, 3, control).start.size();
  };
}

std::vector<double> melody(std::size_t frames) {
  Numbers number;
  std::vector<double> cents(frames);
  double note = 1200;
  for (std::size_t i = 0; i < frames; ++i) {
    if (i % 40 == 0) note = 100.0 * (1 + number(23));
    cents[i] = note + 80 * (static_cast<double>(number.unit()) - 0.5);
  }
  return cents;
}

Work contour() {
  std::vector<double> edges;
  for (int i = 1; i < 24; ++i) edges.push_back(100.0 * i);
  return [cents = melody(100'000), edges] {
    Control control;
    return segments_in_clusters(cents, edges, {0, 3, 17}, control).first.size();
  };
}

Work margin() {
  return [cents = melody(100'000)] {
    Control control;
    return segments_within_margin(cents, 60, {0, 3, 17}, control).first.size();
  };
}

Work vibrato() {
  std::vector<double> cents(100'000);
  for (std::size_t i = 0; i < cents.size(); ++i)
    cents[i] =
        100.0 * static_cast<double>(i / 80 % 7) + 40 * std::sin(0.22 * static_cast<double>(i));
  return [cents = std::move(cents)] {
    Control control;
    auto flattened = cents;
    return flatten_vibrato(flattened, 256.0 / 44'100, control).first.size();
  };
}

Work decimation() {
  return [x = Numbers().units(88'200)] {
    std::vector<float> out(22'000);
    Decimator(4, 0.65).run({x, 0, 88'200}, 0, out);
    return out.size();
  };
}

Work framing() {
  return [x = Numbers().units(88'200)] {
    const SalienceSettings set;
    const Framing frames(44'100, 256, 44'100, set.window_s, set.focus_s, set.band_hz);
    std::vector<float> rows(300 * static_cast<std::size_t>(frames.fft_size())), focus(300);
    frames.cut(frames.stretch({x, 0, 88'200}, 10, 300), 10, 300, rows.data(), focus.data());
    return rows.size();
  };
}

Work period() {
  return [x = Numbers().units(10'000)] {
    const PeriodSearch search(11'025);
    std::size_t found = 0;
    for (std::size_t i = 0; i < 300; ++i)
      found += search.drift({x.data() + 30 * i, 464}, 100 + static_cast<double>(i)) != 0;
    return found;
  };
}

Work salience() {
  const SalienceSettings set;
  const Framing frames(44'100, 256, 44'100, set.window_s, set.focus_s, set.band_hz);
  const auto row = static_cast<std::size_t>(frames.fft_size()) + 2;
  return
      [spectrum = Numbers().units(300 * row), set, rate = frames.rate(), size = frames.fft_size()] {
        std::vector<float> focus(300), level(300), strength(300 * kMaxCandidates), cents(strength),
            between(strength);
        std::vector<std::int8_t> above(strength.size());
        Salience(set, rate, size)
            .run(spectrum.data(), focus.data(), 300,
                 {cents.data(), strength.data(), level.data(), {above.data(), between.data()}});
        return cents.size();
      };
}

Work tracking() {
  Numbers number;
  const int candidates = SalienceSettings().candidates;
  const auto all = static_cast<std::size_t>(candidates) * 5'000;
  auto cents = number.units(all);
  for (float& value : cents) value *= 4'000;
  auto strength = number.units(all), level = number.units(5'000), drift = number.units(5'000);
  // Every third candidate is a subharmonic of another, or may be.
  auto between = number.units(all);
  std::vector<std::int8_t> above(all);
  for (std::size_t i = 0; i < all; ++i) {
    between[i] *= -25;
    above[i] = static_cast<std::int8_t>(i % 3 == 0 ? static_cast<int>(number(8)) : -1);
  }
  return [=] {
    Tracker tracker({}, candidates, 55, 256 / 44'100.0);
    tracker.push(
        {cents.data(), strength.data(), level.data(), drift.data(), between.data(), above.data()},
        5'000);
    tracker.finish();
    return tracker.track().hz.size();
  };
}

Work anchors() {
  return [x = Numbers().units(100'000)] {
    Control control;
    return find_anchors(x, 31, 34, 4, control).hashes.size();
  };
}

Work similarity() {
  Numbers number;
  std::vector<std::int32_t> text(100'000);
  for (auto& step : text) step = static_cast<std::int32_t>(number(7)) - 3;
  return [=] {
    const std::vector<std::int32_t> figure{2, -1, 3, -2, 1, -3, 1, 2};
    Control control;
    return find_near_figures(text, figure, 3, control).ends.size();
  };
}

std::map<std::string, std::function<Work()>> kernels() {
  return {
      {"anchors", anchors},
      {"any_gap_bitmaps", [] { return any_gap(Layout::bitmaps); }},
      {"any_gap_lists", [] { return any_gap(Layout::lists); }},
      {"contiguous", contiguous},
      {"contour", contour},
      {"contour_margin", margin},
      {"decimation", decimation},
      {"framing", framing},
      {"gapped", gapped},
      {"minimal_windows", windows},
      {"occurrences", occurrences},
      {"period", period},
      {"salience", salience},
      {"similarity", similarity},
      {"tracking", tracking},
      {"vibrato", vibrato},
  };
}

}  // namespace

int main(int argc, char** argv) {
  const auto known = kernels();
  if (argc == 1) {
    std::printf("%s%s\n", build_info().compiler.c_str(),
                __builtin_cpu_supports("avx2") ? ", avx2" : "");
    for (const auto& [name, make] : known) std::printf("%s\n", name.c_str());
    return 0;
  }
  const auto found = known.find(argv[1]);
  if (found == known.end()) return 2;
  work = found->second();
  std::printf("%zu\n", measured_kernel());
}

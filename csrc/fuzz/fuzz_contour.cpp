// Segments and vibrato of any pitch track.
#include <cmath>
#include <limits>

#include "cantaor/contour.hpp"
#include "cantaor/vibrato.hpp"
#include "input.hpp"

namespace {

using namespace cantaor;
using fuzz::Input;

/// Cents of a track in sixteenths; the lowest number is an unvoiced frame.
std::vector<double> track_from(Input& input) {
  std::vector<double> cents;
  for (const std::int16_t value : input.numbers<std::int16_t>(4000))
    cents.push_back(value == std::numeric_limits<std::int16_t>::min()
                        ? std::numeric_limits<double>::quiet_NaN()
                        : value / 4.0);
  return cents;
}

void demand_segments(const Segments& found, const std::vector<double>& cents,
                     const ContourSettings& settings, std::int32_t lowest, std::int32_t highest) {
  const std::size_t size = found.cluster.size();
  DEMAND(found.cents.size() == size && found.first.size() == size && found.last.size() == size);
  DEMAND(fuzz::are_offsets(found.phrases, size));
  std::int64_t free_from = 0;
  std::size_t phrase = 0;
  for (std::size_t i = 0; i < size; ++i) {
    DEMAND(found.first[i] >= free_from && found.last[i] >= found.first[i]);
    DEMAND(found.last[i] < static_cast<std::int64_t>(cents.size()));
    free_from = found.last[i] + 1;
    DEMAND(found.cluster[i] >= lowest && found.cluster[i] <= highest);
    DEMAND(std::isfinite(found.cents[i]));
    DEMAND(!std::isnan(cents[static_cast<std::size_t>(found.first[i])]));
    DEMAND(!std::isnan(cents[static_cast<std::size_t>(found.last[i])]));
    DEMAND(found.last[i] - found.first[i] + 1 >= settings.min_frames);
    while (found.phrases[phrase + 1] <= static_cast<std::int64_t>(i)) ++phrase;
    // A symbol is the difference of two neighbours of a phrase, and never 0.
    const bool begins = found.phrases[phrase] == static_cast<std::int64_t>(i);
    if (highest >= 0 && !begins) DEMAND(found.cluster[i] != found.cluster[i - 1]);
  }
}

void demand_vibrato(const std::vector<double>& before, double hop_s) {
  Control control;
  std::vector<double> cents = before;
  const Vibrato found = flatten_vibrato(cents, hop_s, control);
  const std::size_t size = found.first.size();
  DEMAND(found.last.size() == size && found.rate_hz.size() == size);
  DEMAND(found.extent_cents.size() == size);
  std::int64_t free_from = 0;
  const auto unchanged_before = [&](std::int64_t end) {
    for (; free_from < end; ++free_from) {
      const auto i = static_cast<std::size_t>(free_from);
      DEMAND(cents[i] == before[i] || (std::isnan(cents[i]) && std::isnan(before[i])));
    }
  };
  for (std::size_t i = 0; i < size; ++i) {
    DEMAND(found.first[i] >= free_from && found.last[i] >= found.first[i]);
    DEMAND(found.last[i] < static_cast<std::int64_t>(cents.size()));
    unchanged_before(found.first[i]);
    for (; free_from <= found.last[i]; ++free_from)
      DEMAND(std::isfinite(cents[static_cast<std::size_t>(free_from)]));
    DEMAND(found.rate_hz[i] > 0 && std::isfinite(found.rate_hz[i]));
    DEMAND(found.extent_cents[i] > 0 && std::isfinite(found.extent_cents[i]));
  }
  unchanged_before(static_cast<std::int64_t>(cents.size()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const double hysteresis = input.between(0, 200), margin = input.between(0.1, 400);
  const ContourSettings settings{hysteresis, input.from(1, 12), input.from(0, 12)};
  const double hop_s = input.between(1, 2048) / 44'100;
  std::vector<double> edges;
  double edge = input.between(-4000, 4000);
  for (auto left = input.from(0, 24); left > 0; --left) {
    edges.push_back(edge);
    edge += input.between(0.01, 600);
  }
  const std::vector<double> cents = track_from(input);
  Control control;
  demand_segments(segments_in_clusters(cents, edges, settings, control), cents, settings, 0,
                  static_cast<std::int32_t>(edges.size()));
  const ContourSettings greedy{0, settings.min_frames, settings.max_gap};
  demand_segments(segments_within_margin(cents, margin, greedy, control), cents, greedy, -1, -1);
  demand_vibrato(cents, hop_s);
  return 0;
}

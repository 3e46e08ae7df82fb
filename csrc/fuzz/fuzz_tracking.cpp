// The path through any candidates that a caller may push, in portions of any size.
#include <cmath>

#include "cantaor/tracking.hpp"
#include "input.hpp"

namespace {

using namespace cantaor;
using fuzz::Input;

constexpr double kSharpened = 1.0235;  // 40 cents, by which a frame may be moved beyond the range

struct Frames {
  int width;
  std::vector<float> cents, strength, level, drift, between;
  std::vector<std::int8_t> above;

  void add(Input& input) {
    level.push_back(input.flag() ? static_cast<float>(input.between(-90, 20)) : -200.0f);
    drift.push_back(input.number<std::int8_t>());
    float most = static_cast<float>(input.number<std::uint8_t>()) / 255.0f;
    for (int k = 0; k < width; ++k) {
      cents.push_back(static_cast<float>(input.number<std::uint8_t>()) * 28.0f);
      strength.push_back(most);
      between.push_back(input.flag() ? kUnknownDb : static_cast<float>(input.between(-40, 12)));
      above.push_back(static_cast<std::int8_t>(input.from(-1, width - 1)));
      most *= static_cast<float>(input.number<std::uint8_t>()) / 255.0f;
    }
  }

  std::int64_t size() const { return static_cast<std::int64_t>(level.size()); }

  TrackerRows rows(std::int64_t from) const {
    const auto at = from * width;
    return {cents.data() + at,   strength.data() + at, level.data() + from,
            drift.data() + from, between.data() + at,  above.data() + at};
  }
};

Track track(const Frames& frames, const TrackerSettings& settings, double min_hz, double hop_s,
            std::int64_t portion) {
  Tracker tracker(settings, frames.width, min_hz, hop_s);
  for (std::int64_t i = 0; i < frames.size(); i += portion)
    tracker.push(frames.rows(i), std::min(portion, frames.size() - i));
  tracker.finish();
  return tracker.track();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  TrackerSettings settings;
  settings.voicing = input.between(0, 1);
  settings.lowest_hz = input.between(20, 1400);
  settings.highest_hz = input.between(settings.lowest_hz + 1, 3000);
  const double min_hz = std::min(55.0, settings.lowest_hz);
  const double hop_s = static_cast<double>(input.flag() ? 256 : input.from(1, 44'100)) / 44'100;
  const std::int64_t portion = input.from(1, 300);
  Frames frames{static_cast<int>(input.from(1, kMaxCandidates)), {}, {}, {}, {}, {}, {}};
  // Rows that repeat make long tracks of short inputs.
  const auto repeats = input.from(1, 20);
  while (!input.empty() && frames.size() < 3000) {
    Input row = input;
    frames.add(input);
    for (auto left = repeats; left > 1; --left) {
      Input again = row;
      frames.add(again);
    }
  }
  const Track whole =
      track(frames, settings, min_hz, hop_s, std::max<std::int64_t>(frames.size(), 1));
  const Track pieces = track(frames, settings, min_hz, hop_s, portion);
  DEMAND(whole.hz.size() == static_cast<std::size_t>(frames.size()));
  DEMAND(whole.hz == pieces.hz && whole.strength == pieces.strength);
  DEMAND(whole.octave_confidence == pieces.octave_confidence);
  for (std::size_t i = 0; i < whole.hz.size(); ++i) {
    const double hz = static_cast<double>(whole.hz[i]);
    DEMAND(hz == 0 ||
           (hz > settings.lowest_hz / kSharpened && hz < settings.highest_hz * kSharpened));
    DEMAND(whole.octave_confidence[i] >= 0 && whole.octave_confidence[i] <= 1);
    if (hz == 0) DEMAND(whole.strength[i] == 0 && whole.octave_confidence[i] == 0);
  }
  return 0;
}

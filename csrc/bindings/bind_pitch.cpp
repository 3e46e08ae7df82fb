#include <algorithm>
#include <cmath>
#include <complex>

#include "arrays.hpp"
#include "cantaor/framing.hpp"
#include "cantaor/glides.hpp"
#include "cantaor/low_pitches.hpp"
#include "cantaor/salience.hpp"
#include "cantaor/tracking.hpp"

namespace cantaor::python {
namespace {

using Candidates = py::array_t<float, py::array::c_style>;
using Indices = py::array_t<std::int8_t, py::array::c_style>;

/// Index of the first sample that is not a number of ordinary size, or -1.
std::int64_t first_bad(const py::array& samples) {
  const auto x = view<float>(samples, "samples");
  // Safe: the span is kept alive by the argument, and no Python object is touched.
  py::gil_scoped_release nogil;
  float worst = 0;
  bool good = true;
  for (std::size_t i = 0; i < x.size(); i += 4096) {
    worst = 0;
    const std::size_t end = std::min(i + 4096, x.size());
    for (std::size_t j = i; j < end; ++j) good &= std::abs(x[j]) < 1e6f;
    if (good) continue;
    while (std::abs(x[i]) < 1e6f) ++i;
    return static_cast<std::int64_t>(i);
  }
  return -1;
}

py::tuple cut(const Framing& framing, const py::array& samples, std::int64_t origin,
              std::int64_t first, std::int64_t count, std::int64_t rows) {
  const auto x = view<float>(samples, "samples");
  if (count < 0 || rows < count) throw py::value_error("rows must be at least count, and count 0");
  py::array_t<float> out({static_cast<py::ssize_t>(rows), py::ssize_t{framing.fft_size()}});
  py::array_t<float> focus(static_cast<py::ssize_t>(count));
  float* data = out.mutable_data();
  float* focus_data = focus.mutable_data();
  std::vector<float> stretch;
  {
    // Safe: the results are not visible to others yet, and the span is kept alive by the argument.
    py::gil_scoped_release nogil;
    std::fill(data + count * framing.fft_size(), data + rows * framing.fft_size(), 0.0f);
    stretch =
        framing.stretch({x, origin, origin + static_cast<std::int64_t>(x.size())}, first, count);
    framing.cut(stretch, first, count, data, focus_data);
  }
  return py::make_tuple(out, focus, take(std::move(stretch)));
}

/// Confirms low pitches among the candidates of each frame of a stretch, in place, and finds the
/// drift of the strongest.
py::array_t<float> look_at_periods(const Framing& framing, const py::array& stretch,
                                   std::int64_t first, Candidates& cents, Candidates& strength,
                                   Indices& above, Candidates& between, double min_hz) {
  const auto x = view<float>(stretch, "stretch");
  for (const py::array& row : {py::array(strength), py::array(above), py::array(between)})
    if (cents.ndim() != 2 || row.ndim() != 2 || row.shape(0) != cents.shape(0) ||
        row.shape(1) != cents.shape(1))
      throw py::value_error("all arrays of candidates must have the same 2 dimensions");
  const py::ssize_t count = cents.shape(0), width = cents.shape(1);
  const auto window = static_cast<std::size_t>(framing.window());
  if (count > 0 && framing.offset(first, count - 1) + window > x.size())
    throw py::value_error("stretch must hold every frame");
  float *at = cents.mutable_data(), *strong = strength.mutable_data();
  OctaveRow octaves{above.mutable_data(), between.mutable_data()};
  py::array_t<float> out(count);
  float* drift = out.mutable_data();
  {
    // Safe: the result is not visible to others yet, the arrays are kept alive by the arguments and
    // belong to the caller's thread.
    py::gil_scoped_release nogil;
    const PeriodSearch search(framing.rate());
    for (py::ssize_t i = 0; i < count; ++i, at += width, strong += width) {
      const auto inside = x.subspan(framing.offset(first, i), window);
      confirm_low_pitch(search, inside, min_hz, static_cast<int>(width), at, strong, octaves);
      drift[i] = strong[0] > 0
                     ? search.drift(inside, min_hz * std::exp2(static_cast<double>(at[0]) / 1200))
                     : 0.0f;
      octaves.above += width;
      octaves.between_db += width;
    }
  }
  return out;
}

py::tuple candidates(const Salience& salience, const py::array& spectrum, const py::array& focus,
                     int per_frame, int fft_size) {
  using Complex = std::complex<float>;
  if (!py::isinstance<py::array_t<Complex>>(spectrum) || spectrum.ndim() != 2 ||
      !(spectrum.flags() & py::array::c_style))
    throw py::type_error("spectrum must be a C-contiguous complex64 array of 2 dimensions");
  const auto focus_db = view<float>(focus, "focus_db");
  const py::ssize_t frames = focus.size();
  if (spectrum.shape(1) != fft_size / 2 + 1 || frames > spectrum.shape(0))
    throw py::value_error("shape of spectrum must fit fft_size and focus_db");
  const py::ssize_t width = per_frame;
  py::array_t<float> cents({frames, width}), strength({frames, width}), level(frames);
  Indices above({frames, width});
  py::array_t<float> between({frames, width});
  const CandidateRows rows{cents.mutable_data(),
                           strength.mutable_data(),
                           level.mutable_data(),
                           {above.mutable_data(), between.mutable_data()}};
  const auto* values = static_cast<const float*>(spectrum.data());
  {
    // Safe: the results are not visible to others yet, the spectrum is kept alive by the argument.
    py::gil_scoped_release nogil;
    salience.run(values, focus_db.data(), frames, rows);
  }
  return py::make_tuple(cents, strength, level, above, between);
}

/// Candidates of a portion of frames, as Python hands them over.
struct Portion {
  const Candidates &cents, &strength, &level, &drift;
  const Indices& above;
  const Candidates& between;
};

void push(Tracker& tracker, int per_frame, const Portion& in) {
  const py::ssize_t count = in.level.size(), values = count * per_frame;
  for (const py::array& array :
       {py::array(in.cents), py::array(in.strength), py::array(in.above), py::array(in.between)})
    if (array.size() != values)
      throw py::value_error("all arrays of candidates must hold candidates values for every level");
  if (in.drift.size() != count) throw py::value_error("drift must hold a value for every level");
  const std::int8_t* above = in.above.data();
  if (std::any_of(above, above + values, [=](int k) { return k < -1 || k >= per_frame; }))
    throw py::value_error("above must lie in -1..candidates - 1");
  // Safe: the arrays are kept alive by the arguments; the caller uses one tracker in one thread.
  py::gil_scoped_release nogil;
  tracker.push({in.cents.data(), in.strength.data(), in.level.data(), in.drift.data(),
                in.between.data(), above},
               count);
}

struct BoundSalience {
  Salience salience;
  int candidates, fft_size;
};

struct BoundTracker {
  Tracker tracker;
  int candidates;
};

void bind_settings(py::module_& m) {
  py::class_<SalienceSettings>(m, "SalienceSettings")
      .def(py::init<>())
      .def_readwrite("window_s", &SalienceSettings::window_s)
      .def_readwrite("focus_s", &SalienceSettings::focus_s)
      .def_readwrite("min_hz", &SalienceSettings::min_hz)
      .def_readwrite("max_hz", &SalienceSettings::max_hz)
      .def_readwrite("band_hz", &SalienceSettings::band_hz)
      .def_readwrite("peak_range_db", &SalienceSettings::peak_range_db)
      .def_readwrite("decay", &SalienceSettings::decay)
      .def_readwrite("harmonics", &SalienceSettings::harmonics)
      .def_readwrite("between", &SalienceSettings::between)
      .def_readwrite("half_width_cents", &SalienceSettings::half_width_cents)
      .def_readwrite("candidates", &SalienceSettings::candidates);
  py::class_<TrackerSettings>(m, "TrackerSettings")
      .def(py::init<>())
      .def_readwrite("voicing", &TrackerSettings::voicing)
      .def_readwrite("level_slope", &TrackerSettings::level_slope)
      .def_readwrite("before_slope", &TrackerSettings::before_slope)
      .def_readwrite("after_slope", &TrackerSettings::after_slope)
      .def_readwrite("noisy_voicing", &TrackerSettings::noisy_voicing)
      .def_readwrite("high_noise", &TrackerSettings::high_noise)
      .def_readwrite("voiceless", &TrackerSettings::voiceless)
      .def_readwrite("floor_voicing", &TrackerSettings::floor_voicing)
      .def_readwrite("reverberant_slope", &TrackerSettings::reverberant_slope)
      .def_readwrite("look_s", &TrackerSettings::look_s)
      .def_readwrite("before_s", &TrackerSettings::before_s)
      .def_readwrite("after_s", &TrackerSettings::after_s)
      .def_readwrite("octave_jump_cost", &TrackerSettings::octave_jump_cost)
      .def_readwrite("voicing_cost", &TrackerSettings::voicing_cost)
      .def_readwrite("glide_cents", &TrackerSettings::glide_cents)
      .def_readwrite("sharpening", &TrackerSettings::sharpening)
      .def_readwrite("octave_cost", &TrackerSettings::octave_cost)
      .def_readwrite("subharmonic_db", &TrackerSettings::subharmonic_db)
      .def_readwrite("harmonic_db", &TrackerSettings::harmonic_db)
      .def_readwrite("overtone_cost", &TrackerSettings::overtone_cost)
      .def_readwrite("overtone_db", &TrackerSettings::overtone_db)
      .def_readwrite("range_weight", &TrackerSettings::range_weight)
      .def_readwrite("lowest_hz", &TrackerSettings::lowest_hz)
      .def_readwrite("highest_hz", &TrackerSettings::highest_hz);
}

}  // namespace

void bind_pitch(py::module_& m) {
  bind_settings(m);
  m.def("first_bad_sample", &first_bad, py::arg("samples"));
  py::class_<Framing>(m, "Framing")
      .def(py::init<int, int, int, double, double, double>(), py::arg("sample_rate"),
           py::arg("hop"), py::arg("reference_rate"), py::arg("window_s"), py::arg("focus_s"),
           py::arg("band_hz"))
      .def_property_readonly("fft_size", &Framing::fft_size)
      .def_property_readonly("rate", &Framing::rate)
      .def("frames_of", &Framing::frames_of, py::arg("samples"))
      .def("frames_within", &Framing::frames_within, py::arg("samples"))
      .def("first_sample", &Framing::first_sample, py::arg("frame"))
      .def("last_sample", &Framing::last_sample, py::arg("frame"))
      .def("cut", &cut, py::arg("samples"), py::arg("origin"), py::arg("first"), py::arg("count"),
           py::arg("rows"))
      .def("look_at_periods", &look_at_periods, py::arg("stretch"), py::arg("first"),
           py::arg("cents"), py::arg("strength"), py::arg("above"), py::arg("between_db"),
           py::arg("min_hz"));
  py::class_<BoundSalience>(m, "Salience")
      .def(py::init([](const SalienceSettings& settings, double rate, int fft_size) {
             return BoundSalience{Salience(settings, rate, fft_size), settings.candidates,
                                  fft_size};
           }),
           py::arg("settings"), py::arg("rate"), py::arg("fft_size"))
      .def(
          "candidates",
          [](const BoundSalience& self, const py::array& spectrum, const py::array& focus) {
            return candidates(self.salience, spectrum, focus, self.candidates, self.fft_size);
          },
          py::arg("spectrum"), py::arg("focus_db"));
  py::class_<BoundTracker>(m, "Tracker")
      .def(
          py::init([](const TrackerSettings& settings, int per_frame, double min_hz, double hop_s) {
            return BoundTracker{Tracker(settings, per_frame, min_hz, hop_s), per_frame};
          }),
          py::arg("settings"), py::arg("candidates"), py::arg("min_hz"), py::arg("hop_s"))
      .def(
          "push",
          [](BoundTracker& self, const Candidates& cents, const Candidates& strength,
             const Candidates& level, const Indices& above, const Candidates& between,
             const Candidates& drift) {
            push(self.tracker, self.candidates, {cents, strength, level, drift, above, between});
          },
          py::arg("cents"), py::arg("strength"), py::arg("level_db"), py::arg("above"),
          py::arg("between_db"), py::arg("drift"))
      .def("finish", [](BoundTracker& self) {
        {
          // Safe: nothing but the tracker, which the caller uses in one thread, is touched.
          py::gil_scoped_release nogil;
          self.tracker.finish();
        }
        return py::make_tuple(take(std::move(self.tracker.track().hz)),
                              take(std::move(self.tracker.track().strength)),
                              take(std::move(self.tracker.track().octave_confidence)));
      });
}

}  // namespace cantaor::python

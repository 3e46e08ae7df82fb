#include "arrays.hpp"
#include "cantaor/contour.hpp"
#include "cantaor/vibrato.hpp"

namespace cantaor::python {
namespace {

py::tuple to_python(Segments&& found) {
  return py::make_tuple(take(std::move(found.cluster)), take(std::move(found.cents)),
                        take(std::move(found.first)), take(std::move(found.last)),
                        take(std::move(found.phrases)));
}

ContourSettings settings_of(double hysteresis, std::int64_t min_frames, std::int64_t max_gap) {
  return {hysteresis, min_frames, max_gap};
}

py::tuple in_clusters(const py::array& cents, const py::array& edges, double hysteresis,
                      std::int64_t min_frames, std::int64_t max_gap) {
  const auto cents_view = view<double>(cents, "cents");
  const auto edges_view = view<double>(edges, "edges");
  const auto settings = settings_of(hysteresis, min_frames, max_gap);
  const py::none progress;
  Control control(keep_responsive(progress));
  Segments found;
  {
    // Safe: the spans are kept alive by the arguments, and no Python object is touched.
    py::gil_scoped_release nogil;
    found = segments_in_clusters(cents_view, edges_view, settings, control);
  }
  return to_python(std::move(found));
}

py::tuple within_margin(const py::array& cents, double margin, std::int64_t min_frames,
                        std::int64_t max_gap) {
  const auto cents_view = view<double>(cents, "cents");
  const auto settings = settings_of(0, min_frames, max_gap);
  const py::none progress;
  Control control(keep_responsive(progress));
  Segments found;
  {
    // Safe: the span is kept alive by the argument, and no Python object is touched.
    py::gil_scoped_release nogil;
    found = segments_within_margin(cents_view, margin, settings, control);
  }
  return to_python(std::move(found));
}

py::tuple flattened(py::array& cents, double hop_s) {
  const auto cents_view = mutable_view<double>(cents, "cents");
  const py::none progress;
  Control control(keep_responsive(progress));
  Vibrato found;
  {
    // Safe: the span is kept alive by the argument, which the caller lends for the call, and no
    // Python object is touched.
    py::gil_scoped_release nogil;
    found = flatten_vibrato(cents_view, hop_s, control);
  }
  return py::make_tuple(take(std::move(found.first)), take(std::move(found.last)),
                        take(std::move(found.rate_hz)), take(std::move(found.extent_cents)));
}

}  // namespace

void bind_contour(py::module_& m) {
  m.def("segments_in_clusters", &in_clusters, py::arg("cents"), py::arg("edges"),
        py::arg("hysteresis"), py::arg("min_frames"), py::arg("max_gap"));
  m.def("segments_within_margin", &within_margin, py::arg("cents"), py::arg("margin"),
        py::arg("min_frames"), py::arg("max_gap"));
  m.def("flatten_vibrato", &flattened, py::arg("cents"), py::arg("hop_s"));
}

}  // namespace cantaor::python

// Table of contents of cantaor._core: one line per stage, its bindings in bind_<stage>.cpp.
#include <pybind11/pybind11.h>

#include "cantaor/build_info.hpp"

namespace py = pybind11;

namespace cantaor::python {
void bind_anchors(py::module_& m);
void bind_contour(py::module_& m);
void bind_motifs(py::module_& m);
void bind_pitch(py::module_& m);
void bind_similarity(py::module_& m);
}  // namespace cantaor::python

PYBIND11_MODULE(_core, m) {
  m.doc() = "Native kernels of cantaor; the public functions live in the stage modules.";
  m.def("build_info", [] {
    const auto info = cantaor::build_info();
    return py::dict(py::arg("compiler") = info.compiler, py::arg("build_type") = info.build_type,
                    py::arg("sanitizers") = info.sanitizers);
  });
  cantaor::python::bind_anchors(m);
  cantaor::python::bind_contour(m);
  cantaor::python::bind_motifs(m);
  cantaor::python::bind_pitch(m);
  cantaor::python::bind_similarity(m);
}

// The only crossing between numpy arrays and the kernels' pointers, lengths and vectors.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cantaor/control.hpp"

namespace cantaor::python {

namespace py = pybind11;

/// A 1-D, C-contiguous view of `array`. No dtype is converted silently: a wrong one is an error.
template <typename T>
std::span<const T> view(const py::array& array, const char* name) {
  if (!py::isinstance<py::array_t<T>>(array))
    throw py::type_error(std::string(name) + " must have dtype " +
                         py::str(py::dtype::of<T>()).cast<std::string>() + ", not " +
                         py::str(array.dtype()).cast<std::string>());
  if (array.ndim() != 1)
    throw py::value_error(std::string(name) + " must have 1 dimension, not " +
                          std::to_string(array.ndim()));
  if (!(array.flags() & py::array::c_style))
    throw py::value_error(std::string(name) + " must be C-contiguous");
  return {static_cast<const T*>(array.data()), static_cast<std::size_t>(array.size())};
}

/// As `view`, of an array that is written to; one that must not be is an error.
template <typename T>
std::span<T> mutable_view(py::array& array, const char* name) {
  const auto found = view<T>(array, name);
  return {static_cast<T*>(array.mutable_data()), found.size()};
}

/// Hands a vector to numpy without copying: the array keeps the vector alive.
template <typename T>
py::array_t<T> take(std::vector<T>&& values) {
  auto owner = std::make_unique<std::vector<T>>(std::move(values));
  auto* raw = owner.get();
  py::capsule keeper(owner.release(), [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return py::array_t<T>(static_cast<py::ssize_t>(raw->size()), raw->data(), keeper);
}

/// A Control whose callback lets Python handle Ctrl-C and, if given, reports progress.
/// The callback takes the GIL itself, so the kernel may run in a block that has released it.
inline Control::Callback keep_responsive(const py::object& progress) {
  return [&progress](std::int64_t done) {
    py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (!progress.is_none()) progress(done);
  };
}

}  // namespace cantaor::python

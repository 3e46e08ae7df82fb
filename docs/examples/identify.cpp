// Names the singer of a clip with a model that `cantaor export MODEL --out singer.ts` wrote.
//
// Usage: identify singer.ts clip.wav
//
// The clip is mono WAV, 16-bit or float32, at the rate that the model states. Built against the
// headers and libraries that torch's wheel carries, T being the folder of `torch`, or libtorch's:
//
//   g++ -std=c++20 -O2 identify.cpp -I$T/include -I$T/include/torch/csrc/api/include
//       -L$T/lib -Wl,-rpath,$T/lib -Wl,--unresolved-symbols=ignore-in-shared-libs
//       -ltorch_cpu -lc10 -o identify
//
// A TorchScript file is a program: load only files that you trust.

#include <torch/script.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Clip {
  std::vector<float> samples;
  std::int64_t sample_rate = 0;
};

template <typename T>
T read_at(const std::vector<char>& bytes, std::size_t position) {
  if (position + sizeof(T) > bytes.size()) throw std::runtime_error("the file ends too early");
  T value;
  std::memcpy(&value, bytes.data() + position, sizeof(T));
  return value;
}

std::vector<char> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + ": cannot be opened");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Chunks of a RIFF file follow each other: four letters, the size, the content padded to even.
Clip read_wav(const std::string& path) {
  const std::vector<char> bytes = read_file(path);
  Clip clip;
  std::uint16_t bits = 0;
  for (std::size_t at = 12; at + 8 <= bytes.size();) {
    const std::string name(bytes.data() + at, 4);
    const std::size_t size = read_at<std::uint32_t>(bytes, at + 4);
    const std::size_t content = at + 8;
    if (name == "fmt ") {
      if (read_at<std::uint16_t>(bytes, content + 2) != 1) {
        throw std::runtime_error(path + ": is not mono");
      }
      clip.sample_rate = read_at<std::uint32_t>(bytes, content + 4);
      bits = read_at<std::uint16_t>(bytes, content + 14);
    } else if (name == "data") {
      for (std::size_t i = 0; i + bits / 8 <= size && bits; i += bits / 8) {
        clip.samples.push_back(bits == 16 ? read_at<std::int16_t>(bytes, content + i) / 32768.0F
                                          : read_at<float>(bytes, content + i));
      }
    }
    at = content + size + size % 2;
  }
  if (bits != 16 && bits != 32) throw std::runtime_error(path + ": is not 16-bit or float32 WAV");
  if (clip.samples.empty()) throw std::runtime_error(path + ": holds no samples");
  return clip;
}

void identify(const std::string& model_path, const std::string& clip_path) {
  const torch::InferenceMode guard;
  torch::jit::Module model = torch::jit::load(model_path, torch::kCPU);
  Clip clip = read_wav(clip_path);
  const std::int64_t wanted = model.attr("sample_rate").toInt();
  if (clip.sample_rate != wanted) {
    throw std::runtime_error(clip_path + ": is at " + std::to_string(clip.sample_rate) +
                             " Hz, the model takes " + std::to_string(wanted));
  }
  const torch::Tensor waveform =
      torch::from_blob(clip.samples.data(), {static_cast<std::int64_t>(clip.samples.size())});
  // Probabilities and embedding; models that were calibrated give more.
  const auto outputs = model.forward({waveform}).toTuple();
  const torch::Tensor probabilities = outputs->elements()[0].toTensor();
  const auto singers = model.attr("classes").toListRef();
  for (std::size_t i = 0; i < singers.size(); ++i) {
    const auto probability = probabilities[static_cast<std::int64_t>(i)].item<float>();
    std::printf("%s\t%.6f\n", singers[i].toStringRef().c_str(), probability);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: identify MODEL.ts CLIP.wav\n");
    return 2;
  }
  try {
    identify(arguments[1], arguments[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
  return 0;
}

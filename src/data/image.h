#pragma once
// Decoding of PNG and JPEG, to see whether they can be decoded.

#include <cstdint>
#include <string>

namespace reeve {

struct ImageLook {
  enum class Verdict : std::uint8_t { decodes, broken, unknown };
  Verdict verdict = Verdict::unknown;
  std::int64_t width = 0;  // 0: not even that could be read
  std::int64_t height = 0;
  std::string why;  // of what does not decode; ends a sentence
};

// Reads the file from its beginning to the image's end, a few rows in memory at a time. Images of
// more pixels than `limits::image_pixels_max` are not decoded, and so unknown.
[[nodiscard]] ImageLook look_at_image(int file);

}  // namespace reeve

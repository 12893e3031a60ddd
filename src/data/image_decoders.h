#pragma once
// The decoders behind image.h; each reads the file from its beginning.

#include <cstdio>

#include "data/image.h"

namespace reeve {

[[nodiscard]] ImageLook decode_png(std::FILE* file);
[[nodiscard]] ImageLook decode_jpeg(std::FILE* file);
// The same, not decoded for its size.
[[nodiscard]] ImageLook too_large(ImageLook look);

}  // namespace reeve

#include "data/image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/result.h"
#include "core/limits.h"
#include "data/image_decoders.h"

namespace reeve {

ImageLook too_large(ImageLook look) {
  look.verdict = ImageLook::Verdict::unknown;
  look.why = fmt::format("it has {} x {} pixels, and {} are the most that are decoded", look.width,
                         look.height, limits::image_pixels_max);
  return look;
}

ImageLook look_at_image(int file) {
  std::array<unsigned char, 8> begin{};
  const ssize_t got = ::pread(file, begin.data(), begin.size(), 0);
  if (got < 0) return {ImageLook::Verdict::unknown, 0, 0, errno_name(errno)};
  constexpr std::array<unsigned char, 8> png{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  const bool is_png = begin == png;
  const bool is_jpeg = begin[0] == 0xFF && begin[1] == 0xD8;
  if (!is_png && !is_jpeg)
    return {ImageLook::Verdict::broken, 0, 0, "it begins neither as a PNG nor as a JPEG"};
  const int copy = ::fcntl(file, F_DUPFD_CLOEXEC, 3);
  ::lseek(file, 0, SEEK_SET);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(
      copy < 0 ? nullptr : ::fdopen(copy, "rb"), std::fclose);
  if (!stream) return {ImageLook::Verdict::unknown, 0, 0, errno_name(errno)};
  ImageLook look = is_png ? decode_png(stream.get()) : decode_jpeg(stream.get());
  // A disk that fails is no fault of the image.
  if (look.verdict == ImageLook::Verdict::broken && std::ferror(stream.get()) != 0)
    return {ImageLook::Verdict::unknown, look.width, look.height, "it could not be read"};
  return look;
}

}  // namespace reeve

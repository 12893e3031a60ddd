#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <string>
#include <vector>

#include "core/limits.h"
#include "data/image_decoders.h"

namespace reeve {
namespace {

// libpng leaves a failure by longjmp: what has a destructor lives out here.
struct Decoding {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::vector<unsigned char> row;
  std::string failure;

  ~Decoding() { png_destroy_read_struct(&png, &info, nullptr); }
};

void keep_failure(png_structp png, png_const_charp text) {
  static_cast<Decoding*>(png_get_error_ptr(png))->failure = text;
  png_longjmp(png, 1);
}

void ignore_warning(png_structp, png_const_charp) {}

// False after a failure.
bool read_header(Decoding& decoding, std::FILE* file) {
  if (setjmp(png_jmpbuf(decoding.png))) return false;  // NOLINT(modernize-*,cert-err52-cpp)
  png_init_io(decoding.png, file);
  png_set_user_limits(decoding.png, 0x7FFFFFFF, 0x7FFFFFFF);
  png_set_chunk_malloc_max(decoding.png, 8 << 20);
  png_set_chunk_cache_max(decoding.png, 1000);
  png_read_info(decoding.png, decoding.info);
  return true;
}

bool read_rows(Decoding& decoding, std::int64_t height) {
  if (setjmp(png_jmpbuf(decoding.png))) return false;  // NOLINT(modernize-*,cert-err52-cpp)
  const int passes = png_set_interlace_handling(decoding.png);
  png_read_update_info(decoding.png, decoding.info);
  decoding.row.resize(png_get_rowbytes(decoding.png, decoding.info));
  for (int pass = 0; pass < passes; ++pass)
    for (std::int64_t row = 0; row < height; ++row)
      png_read_row(decoding.png, decoding.row.data(), nullptr);
  png_read_end(decoding.png, nullptr);
  return true;
}

}  // namespace

ImageLook decode_png(std::FILE* file) {
  ImageLook look;
  look.verdict = ImageLook::Verdict::broken;
  Decoding decoding;
  decoding.png =
      png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoding, keep_failure, ignore_warning);
  decoding.info = decoding.png == nullptr ? nullptr : png_create_info_struct(decoding.png);
  if (decoding.info == nullptr) return {ImageLook::Verdict::unknown, 0, 0, "there is no memory"};
  const bool has_header = read_header(decoding, file);
  look.why = decoding.failure;
  if (!has_header) return look;
  look.width = png_get_image_width(decoding.png, decoding.info);
  look.height = png_get_image_height(decoding.png, decoding.info);
  if (look.width * look.height > limits::image_pixels_max) return too_large(look);
  if (read_rows(decoding, look.height)) look.verdict = ImageLook::Verdict::decodes;
  if (decoding.failure == "Out of memory") look.verdict = ImageLook::Verdict::unknown;
  look.why = decoding.failure;
  return look;
}

}  // namespace reeve

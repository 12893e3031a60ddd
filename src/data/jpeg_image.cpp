#include <stddef.h>
#include <stdio.h>

// After stdio.h, which it needs and does not include.
#include <jpeglib.h>

#include <jerror.h>

#include <csetjmp>
#include <string>
#include <vector>

#include "core/limits.h"
#include "data/image_decoders.h"

namespace reeve {
namespace {

// libjpeg leaves a failure by longjmp: what has a destructor lives out here.
struct Decoding {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf back{};
  std::vector<unsigned char> row;
  std::string failure;
  bool was_without_memory = false;

  ~Decoding() { jpeg_destroy_decompress(&jpeg); }
};

Decoding& decoding_of(j_common_ptr jpeg) {
  return *static_cast<Decoding*>(jpeg->client_data);
}

void keep_text(j_common_ptr jpeg) {
  Decoding& decoding = decoding_of(jpeg);
  if (!decoding.failure.empty()) return;
  char text[JMSG_LENGTH_MAX];
  (*jpeg->err->format_message)(jpeg, text);
  decoding.failure = text;
}

[[noreturn]] void leave(j_common_ptr jpeg) {
  keep_text(jpeg);
  decoding_of(jpeg).was_without_memory = jpeg->err->msg_code == JERR_OUT_OF_MEMORY;
  std::longjmp(decoding_of(jpeg).back, 1);  // NOLINT(modernize-*,cert-err52-cpp)
}

// What libjpeg fills up with grey counts as broken; bytes between two segments hurt nothing.
void take_message(j_common_ptr jpeg, int level) {
  if (level < 0 && jpeg->err->msg_code != JWRN_EXTRANEOUS_DATA) keep_text(jpeg);
}

void count_scans(j_common_ptr jpeg) {
  Decoding& decoding = decoding_of(jpeg);
  if (decoding.jpeg.input_scan_number <= limits::image_scans_max) return;
  if (decoding.failure.empty()) decoding.failure = "it has too many scans";
  std::longjmp(decoding.back, 1);  // NOLINT(modernize-*,cert-err52-cpp)
}

bool read_header(Decoding& decoding, std::FILE* file) {
  if (setjmp(decoding.back)) return false;  // NOLINT(modernize-*,cert-err52-cpp)
  decoding.jpeg.client_data = &decoding;
  jpeg_create_decompress(&decoding.jpeg);
  decoding.jpeg.progress = &decoding.progress;
  jpeg_stdio_src(&decoding.jpeg, file);
  return jpeg_read_header(&decoding.jpeg, TRUE) == JPEG_HEADER_OK;
}

bool read_rows(Decoding& decoding) {
  if (setjmp(decoding.back)) return false;  // NOLINT(modernize-*,cert-err52-cpp)
  jpeg_start_decompress(&decoding.jpeg);
  decoding.row.resize(static_cast<std::size_t>(decoding.jpeg.output_width) *
                      static_cast<std::size_t>(decoding.jpeg.output_components));
  JSAMPROW row = decoding.row.data();
  while (decoding.jpeg.output_scanline < decoding.jpeg.output_height)
    jpeg_read_scanlines(&decoding.jpeg, &row, 1);
  jpeg_finish_decompress(&decoding.jpeg);
  return decoding.failure.empty();
}

}  // namespace

ImageLook decode_jpeg(std::FILE* file) {
  ImageLook look;
  look.verdict = ImageLook::Verdict::broken;
  Decoding decoding;
  decoding.jpeg.err = jpeg_std_error(&decoding.errors);
  decoding.errors.error_exit = leave;
  decoding.errors.emit_message = take_message;
  decoding.progress.progress_monitor = count_scans;
  const bool has_header = read_header(decoding, file);
  look.why = decoding.failure;
  if (!has_header) return look;
  look.width = decoding.jpeg.image_width;
  look.height = decoding.jpeg.image_height;
  if (look.width * look.height > limits::image_pixels_max) return too_large(look);
  if (read_rows(decoding)) look.verdict = ImageLook::Verdict::decodes;
  if (decoding.was_without_memory) look.verdict = ImageLook::Verdict::unknown;
  look.why = decoding.failure;
  return look;
}

}  // namespace reeve

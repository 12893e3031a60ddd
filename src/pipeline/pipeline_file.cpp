#include "pipeline/pipeline_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/fd.h"
#include "base/text.h"
#include "core/limits.h"
#include "pipeline/document.h"
#include "pipeline/pipeline_reader.h"

namespace reeve {
namespace {

namespace fs = std::filesystem;

Result<std::string> read_text(const std::string& path) {
  // Not waiting for a writer, should it be a FIFO.
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return failed(OsError{errno, "open"});
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return failed(OsError{errno, "look at"});
  if (!S_ISREG(status.st_mode)) return failed(ErrorCode::invalid, "it is no regular file");
  std::string text;
  // One byte beyond the limit tells that it is too large.
  text.resize(limits::pipeline_file_bytes_max + 1);
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(OsError{errno, "read"});
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

}  // namespace

Result<std::optional<std::string>> find_pipeline_file(const std::string& directory) {
  for (fs::path folder = fs::path(directory).lexically_normal();; folder = folder.parent_path()) {
    std::string path = (folder / pipeline_file_name).string();
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0 && !S_ISDIR(status.st_mode)) {
      const bool is_own = status.st_uid == ::geteuid() || status.st_uid == 0;
      if (!is_own || (status.st_mode & S_IWOTH) != 0)
        return failed(
            ErrorCode::forbidden,
            fmt::format("{} {}, so it is not used unasked: name it with --file to use it",
                        printable(path),
                        is_own ? "may be written by everybody"
                               : fmt::format("belongs to another user ({})", status.st_uid)));
      return path;
    }
    if (!folder.has_relative_path()) return std::nullopt;
  }
}

Result<LoadedPipelines> load_pipelines(const std::string& path) {
  std::error_code error;
  const std::string absolute = fs::absolute(path, error).lexically_normal().string();
  const auto text = read_text(absolute);
  if (!text) return failed(text.error(), printable(absolute));
  return parse_pipelines(*text, absolute);
}

LoadedPipelines parse_pipelines(std::string_view text, const std::string& path) {
  LoadedPipelines loaded;
  loaded.file.path = path;
  const auto root = parse_document(text);
  if (!root) {
    loaded.mistakes.push_back(root.error());
    return loaded;
  }
  Mistakes mistakes(limits::mistakes_max);
  loaded.file = read_pipelines(*root, path, mistakes);
  loaded.has_names = true;
  loaded.mistakes = mistakes.sorted();
  loaded.mistakes_left_out = mistakes.left_out();
  return loaded;
}

std::vector<std::string> mistake_lines(const LoadedPipelines& loaded) {
  std::vector<std::string> lines;
  for (const Mistake& mistake : loaded.mistakes)
    lines.push_back(to_text(loaded.file.path, mistake));
  if (loaded.mistakes_left_out > 0)
    lines.push_back(fmt::format("and {} more", loaded.mistakes_left_out));
  return lines;
}

}  // namespace reeve

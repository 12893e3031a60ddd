#include "cli/pipeline_choice.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "cli/command.h"
#include "cli/terminal.h"

namespace reeve::cli {
namespace {

Result<std::string> current_directory() {
  std::error_code error;
  std::string here = std::filesystem::current_path(error).string();
  if (error) return failed(ErrorCode::invalid, "the current directory is gone");
  return here;
}

// As execvp(3) looks for it.
bool is_program(const std::string& word) {
  if (word.find('/') != std::string::npos) return true;
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
  const std::string_view folders = path != nullptr ? path : "/bin:/usr/bin";
  for (std::size_t at = 0; at <= folders.size();) {
    const std::size_t colon = std::min(folders.find(':', at), folders.size());
    const std::string folder(folders.substr(at, colon - at));
    const std::string file = (folder.empty() ? "." : folder) + "/" + word;
    struct stat status{};
    if (::stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
        ::access(file.c_str(), X_OK) == 0)
      return true;
    at = colon + 1;
  }
  return false;
}

}  // namespace

PipelineSource find_pipelines(const std::string& file) {
  PipelineSource source;
  source.path = file;
  if (file.empty()) {
    const auto here = current_directory();
    const auto found = here ? find_pipeline_file(*here) : std::unexpected(here.error());
    if (!found) {
      source.path = pipeline_file_name;
      source.refusal = found.error();
      return source;
    }
    if (!*found) return source;
    source.path = **found;
  }
  auto loaded = load_pipelines(source.path);
  if (loaded)
    source.loaded = std::move(*loaded);
  else
    source.refusal = loaded.error();
  return source;
}

bool names_pipeline(const std::string& word, const PipelineSource& source) {
  if (source.path.empty() || word.find('/') != std::string::npos) return false;
  if (source.loaded.file.find(word) != nullptr) return true;
  std::error_code error;
  return !is_program(word) && !std::filesystem::exists(word, error);
}

int tell_mistakes(const PipelineSource& source) {
  if (source.refusal) return fail(*source.refusal);
  if (source.path.empty())
    return fail({ErrorCode::not_found, "there is no reeve.toml here or above; see reeve.toml(5)"});
  for (const std::string& line : mistake_lines(source.loaded)) say(line);
  return source.loaded.mistakes.empty() ? 0 : exit_codes::usage;
}

std::expected<const Pipeline*, int> choose_pipeline(const PipelineSource& source,
                                                    const std::string& name) {
  if (const int code = tell_mistakes(source); code != 0) return std::unexpected(code);
  const PipelineFile& file = source.loaded.file;
  if (const Pipeline* pipeline = file.find(name)) return pipeline;
  const std::string near = did_you_mean(name, file.names());
  std::string known;
  for (const std::string_view pipeline : file.names())
    known += (known.empty() ? "" : ", ") + std::string(pipeline);
  return std::unexpected(
      fail({ErrorCode::invalid,
            fmt::format("`{}` is no pipeline of {}{}", name, file.path,
                        !near.empty()   ? near
                        : known.empty() ? ", which has none"
                                        : "; there are: " + shortened(known, 400))}));
}

std::expected<JobSpec, int> make_pipeline_spec(const PipelineCall& call,
                                               const GivenOptions& given) {
  const PipelineSource source = find_pipelines(call.file);
  const auto pipeline = choose_pipeline(source, call.name);
  if (!pipeline) return std::unexpected(pipeline.error());
  if (is_program(call.name) && is_terminal(2))
    say(fmt::format("`{0}` is the pipeline of {1}; the program: reeve run -- {0}", call.name,
                    printable(source.loaded.file.path)));
  if (given.has("shell"))
    return std::unexpected(
        fail({ErrorCode::invalid, "a pipeline has its own command: leave out --shell"}));
  const auto here = current_directory();
  if (!here) return std::unexpected(fail(here.error()));
  auto spec = make_job(**pipeline, {call.params, call.words, *here});
  if (!spec) {
    for (const std::string& fault : spec.error()) say(printable(fault));
    return std::unexpected(exit_codes::usage);
  }
  auto changed = override_spec(std::move(*spec), given);
  if (!changed) return std::unexpected(fail(changed.error()));
  return std::move(*changed);
}

}  // namespace reeve::cli

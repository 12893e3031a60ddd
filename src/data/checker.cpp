#include "data/checker.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <exception>
#include <filesystem>

#include "base/text.h"
#include "core/glob.h"
#include "data/file_look.h"
#include "data/found_files.h"
#include "data/image.h"
#include "data/table_check.h"

namespace reeve {
namespace {

std::string bytes_text(std::int64_t bytes) {
  return fmt::format("{} byte{}", bytes, bytes == 1 ? "" : "s");
}

void judge_side(std::string_view word, std::int64_t found, const std::optional<std::int64_t>& exact,
                const std::optional<std::int64_t>& least, FileLook& look) {
  const std::string told = fmt::format("{} {}", word, found);
  if (exact && found != *exact)
    look.faults.push_back({told, fmt::format("has the {}, expected {}", told, *exact)});
  if (least && found < *least)
    look.faults.push_back({told, fmt::format("has the {}, expected {} or more", told, *least)});
}

FileLook judge_image(const OpenedFile& file, const Check& check) {
  FileLook look;
  const ImageLook image = look_at_image(file.file.get());
  look.found = fmt::format("{} x {} pixels", image.width, image.height);
  if (image.verdict == ImageLook::Verdict::broken)
    look.faults.push_back({"undecodable", "does not decode: " + image.why});
  if (image.verdict == ImageLook::Verdict::unknown) look.trouble = image.why;
  if (image.width > 0) {
    judge_side("width", image.width, check.width, check.width_min, look);
    judge_side("height", image.height, check.height, check.height_min, look);
  }
  look.metrics["images"] = 1;
  return look;
}

class CheckRun {
 public:
  CheckRun(const DataRequest& request, int directory, const Check& check)
      : request_(request), directory_(directory), check_(check), outcome_(begin_outcome(check)) {}

  CheckOutcome run() {
    const std::string path = expand_path(check_.path, {request_.name, request_.params});
    const auto pattern = parse_glob(path);
    if (!pattern)
      return unknown_outcome(
          check_, fmt::format("the path `{}`: {}", printable(path), pattern.error().message));
    const FoundFiles found = find_files(directory_, *pattern);
    if (!found.trouble.empty()) return unknown_outcome(check_, found.trouble);
    for (const std::string& file : found.paths) look_at(file);
    judge_count(path);
    return conclude();
  }

 private:
  void look_at(const std::string& path) {
    const auto opened = open_below(directory_, path);
    if (!opened) return add_trouble(path, opened.error().message);
    switch (opened->kind) {
      case OpenedFile::Kind::folder:
        return;
      case OpenedFile::Kind::gone:
        return add_fault(path, {"gone", "is gone, or a link to nothing"});
      case OpenedFile::Kind::outside:
        return add_fault(path, {"a link to the outside",
                                "is a symbolic link that leaves the results directory"});
      case OpenedFile::Kind::other:
        return add_fault(path, {"no file", "is no regular file"});
      case OpenedFile::Kind::regular:
        break;
    }
    ++files_;
    checked_.push_back(path);
    outcome_.metrics["bytes"] += static_cast<double>(opened->bytes);
    if (look_from_outside(*opened)) take(path, look_inside(*opened));
  }

  // False when it is not worth a look at what is in it.
  bool look_from_outside(const OpenedFile& file) {
    if (check_.newer && file.changed_ms < request_.started_ms)
      add_fault(file.path, {"old", "was not changed since the attempt started"});
    if (file.bytes >= check_.size_min) return true;
    if (file.bytes == 0)
      add_fault(file.path, {"empty", "is empty"});
    else
      add_fault(file.path,
                {bytes_text(file.bytes), fmt::format("has {}, expected {} or more",
                                                     bytes_text(file.bytes), check_.size_min)});
    return file.bytes > 0;
  }

  FileLook look_inside(const OpenedFile& file) {
    try {
      if (check_.kind == CheckKind::images) return judge_image(file, check_);
      if (check_.kind == CheckKind::table) return look_at_table(file, check_, limits());
      return {};
    } catch (const std::exception& error) {  // no memory, mostly
      FileLook look;
      look.trouble = error.what();
      return look;
    }
  }

  [[nodiscard]] DatabaseLimits limits() const {
    // As the kernel names it: links on the way are resolved.
    std::error_code ignored;
    const auto place =
        std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", directory_), ignored);
    return {request_.memory, limits::validation_threads_max, place.string(), request_.scratch};
  }

  void take(const std::string& path, FileLook look) {
    for (const FileFault& fault : look.faults) add_fault(path, fault);
    if (!look.trouble.empty()) add_trouble(path, look.trouble);
    if (files_ == 1) only_found_ = look.found;
    for (const auto& [name, value] : look.metrics) {
      if (outcome_.metrics.size() == limits::outcome_metrics_max &&
          !outcome_.metrics.contains(name))
        continue;
      add_metric(outcome_.metrics, name, value);
    }
  }

  void judge_count(const std::string& path) {
    const bool is_few = files_ < check_.count_min;
    const bool is_many = check_.count_max && files_ > *check_.count_max;
    // What is there and no regular file was told of already.
    if (!is_many && (!is_few || faulty_files_ > 0)) return;
    const std::string found = fmt::format("{} file{}", files_, files_ == 1 ? "" : "s");
    const std::string fit = printable(path);
    std::string sentence =
        files_ == 0 ? fmt::format("no file fits `{}`", fit)
                    : fmt::format("{} fit{} `{}`, expected {}", found, files_ == 1 ? "s" : "", fit,
                                  count_words(check_.count_min, check_.count_max));
    ++faults_;
    sentences_.insert(sentences_.begin(), std::move(sentence));
    found_.insert(found_.begin(), found);
  }

  void add_fault(const std::string& path, const FileFault& fault) {
    ++faults_;
    if (last_faulty_ != path) {
      last_faulty_ = path;
      ++faulty_files_;
      add_file(outcome_, path);
    }
    if (sentences_.size() >= limits::outcome_faults_max) return;
    sentences_.push_back(path + " " + fault.sentence);
    found_.push_back(fault.found);
  }

  void add_trouble(const std::string& path, const std::string& why) {
    if (trouble_.empty()) trouble_ = path + ": " + why;
  }

  CheckOutcome conclude() {
    outcome_.files_checked = files_;
    outcome_.metrics["files"] = static_cast<double>(files_);
    if (faults_ == 0 && !trouble_.empty()) {
      CheckOutcome unknown = unknown_outcome(check_, trouble_);
      unknown.files_checked = files_;
      return unknown;
    }
    outcome_.verdict = faults_ == 0 ? CheckVerdict::passed : CheckVerdict::failed;
    if (faults_ == 0) {
      for (const std::string& path : checked_) add_file(outcome_, path);
      const std::string all = fmt::format("{} file{}", files_, files_ == 1 ? "" : "s");
      const std::string found = files_ == 1 && !only_found_.empty() ? only_found_ : all;
      set_texts(outcome_, found, found + ", as expected");
      return std::move(outcome_);
    }
    const std::size_t rest = faults_ - sentences_.size();
    const std::string more = rest == 0 ? "" : fmt::format("; and {} more", rest);
    set_texts(outcome_, fmt::format("{}", fmt::join(found_, "; ")) + more,
              fmt::format("{}", fmt::join(sentences_, "; ")) + more);
    return std::move(outcome_);
  }

  const DataRequest& request_;
  int directory_;
  const Check& check_;
  CheckOutcome outcome_;
  std::int64_t files_ = 0;
  std::size_t faults_ = 0;
  std::size_t faulty_files_ = 0;
  std::string last_faulty_;
  std::string trouble_;
  std::string only_found_;
  std::vector<std::string> checked_;
  std::vector<std::string> sentences_;
  std::vector<std::string> found_;
};

}  // namespace

CheckOutcome run_data_check(const DataRequest& request, int directory, const Check& check) {
  return CheckRun(request, directory, check).run();
}

}  // namespace reeve

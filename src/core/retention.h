#pragma once
// What of ended jobs is removed, oldest first. Pure: ages and sizes are told, nothing is touched.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace reeve {

// What a job leaves, as a set.
struct JobParts {
  bool results = false;  // run directories, what was set aside, the checkpoint directory
  bool logs = false;
  bool record = false;  // its row, attempts and events; only together with, or after, the rest
  bool operator==(const JobParts&) const = default;
  [[nodiscard]] bool any() const { return results || logs || record; }
};
// "results, logs, record"; empty for none.
[[nodiscard]] std::string to_words(const JobParts& parts);
[[nodiscard]] std::int32_t to_bits(const JobParts& parts);
[[nodiscard]] JobParts parts_from_bits(std::int32_t bits);

struct RetentionPolicy {
  std::optional<Duration> results_age;
  std::optional<Duration> logs_age;
  std::optional<Duration> record_age;
  std::optional<std::int64_t> bytes_max;  // of results and logs together
  // What `bytes_max` may take.
  bool size_takes_results = true;
  bool size_takes_logs = true;
  bool operator==(const RetentionPolicy&) const = default;
  [[nodiscard]] bool is_set() const {
    return results_age || logs_age || record_age || bytes_max.has_value();
  }
};

// Where an ended job has its files, as the records say.
struct JobFiles {
  JobId id;
  std::string name;
  bool has_ended = false;
  bool is_kept = false;
  JobParts removing;
  JobParts removed;
  UtcTime ended_at;
  Time ended;                            // by the queue's clock
  std::vector<std::string> directories;  // published or set aside, of all attempts
  std::vector<std::string> logs;
};

// A job as far as retention is concerned.
struct RetentionItem {
  JobId id;
  std::string name;
  bool has_ended = false;
  bool is_kept = false;       // a person marked it
  bool is_latest = false;     // `latest/NAME` points at its results
  bool is_under_way = false;  // is being removed already
  UtcTime ended_at;
  Duration age{0};  // since its end
  std::int64_t results_bytes = 0;
  std::int64_t log_bytes = 0;
  JobParts there;  // what it has; `record` always
};

enum class RemovalCause : std::uint8_t { age, size };
struct Removal {
  JobId id;
  std::string name;
  UtcTime ended_at;
  JobParts parts;
  std::int64_t bytes = 0;
  RemovalCause cause = RemovalCause::age;
};

// Never of a job that has not ended, that is kept, or whose results `latest` points at: those of
// the newest success of their name. By age first, each part by its own limit; then, while results
// and logs of all jobs together are more than `bytes_max`, of the jobs that ended first. A record
// never goes while something else of its job stays.
[[nodiscard]] std::vector<Removal> choose_removals(std::vector<RetentionItem> items,
                                                   const RetentionPolicy& policy);

// A directory of ours, in the parts of its path.
struct RunPlace {
  std::string root;
  std::string directory;  // "2026-11-22_09-30-00", or ".staging"
  std::string leaf;
};
// Nothing unless `path` is `<root>/<date>/<leaf>` or `<root>/.staging/<leaf>`, as
// core/run_directory makes them: anything else is not ours to remove.
[[nodiscard]] std::optional<RunPlace> place_in_root(std::string_view path);
// "2026-11-22_09-30-00".
[[nodiscard]] bool is_run_date(std::string_view text);

}  // namespace reeve

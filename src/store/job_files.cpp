// Where jobs have their files; a part of the store.

#include <algorithm>

#include "core/job.h"
#include "store/store.h"

namespace reeve {
namespace {

constexpr const char* page_sql =
    "SELECT job.id, job.name, job.state, job.kept, job.removing, job.removed, job.ended_utc, "
    "job.queued_at, COALESCE(a.ended, 0) "
    "FROM job LEFT JOIN attempt AS a ON a.job = job.id AND a.number = job.attempt "
    "WHERE job.id > ?1 AND (?4 OR job.state IN ('completed', 'failed', 'cancelled', 'timeout', "
    "'lost', 'skipped')) AND (?3 OR (job.removed & 3) <> 3) ORDER BY job.id LIMIT ?2";
constexpr const char* one_sql =
    "SELECT job.id, job.name, job.state, job.kept, job.removing, job.removed, job.ended_utc, "
    "job.queued_at, COALESCE(a.ended, 0) "
    "FROM job LEFT JOIN attempt AS a ON a.job = job.id AND a.number = job.attempt "
    "WHERE job.id = ?1";

JobFiles read_files(const SQLite::Statement& row) {
  JobFiles out;
  out.id = {row.getColumn(0).getInt64()};
  out.name = row.getColumn(1).getString();
  const auto state = state_from_word(row.getColumn(2).getString());
  out.has_ended = state && is_terminal(*state);
  out.is_kept = row.getColumn(3).getInt() != 0;
  out.removing = parts_from_bits(row.getColumn(4).getInt());
  out.removed = parts_from_bits(row.getColumn(5).getInt());
  out.ended_at = {row.getColumn(6).getInt64()};
  out.ended = {std::max(row.getColumn(7).getInt64(), row.getColumn(8).getInt64())};
  return out;
}

}  // namespace

void Store::add_paths(JobFiles& files) {
  auto statement =
      prepared("SELECT results_dir, staging, log FROM attempt WHERE job = ?1 ORDER BY number");
  statement->bind(1, files.id.value);
  while (statement->executeStep()) {
    for (const int column : {0, 1})
      if (std::string path = statement->getColumn(column).getString(); !path.empty())
        files.directories.push_back(std::move(path));
    if (std::string log = statement->getColumn(2).getString(); !log.empty())
      files.logs.push_back(std::move(log));
  }
}

Result<std::vector<JobFiles>> Store::job_files(const FilesQuery& query) {
  return read<std::vector<JobFiles>>("list the files of jobs", [&] {
    std::vector<JobFiles> out;
    {
      auto statement = prepared(page_sql);
      statement->bind(1, query.after.value);
      statement->bind(2, query.rows_max);
      statement->bind(3, query.with_bare ? 1 : 0);
      statement->bind(4, query.with_unfinished ? 1 : 0);
      while (statement->executeStep()) out.push_back(read_files(*statement));
    }
    for (JobFiles& files : out) add_paths(files);
    return out;
  });
}

Result<std::optional<JobFiles>> Store::files_of(JobId id) {
  return read<std::optional<JobFiles>>("find the files of a job", [&]() -> std::optional<JobFiles> {
    auto statement = prepared(one_sql);
    statement->bind(1, id.value);
    if (!statement->executeStep()) return std::nullopt;
    JobFiles files = read_files(*statement);
    add_paths(files);
    return files;
  });
}

Result<std::vector<JobId>> Store::being_removed() {
  return read<std::vector<JobId>>("find what was being removed", [&] {
    auto statement = prepared("SELECT id FROM job WHERE removing <> 0 ORDER BY id");
    std::vector<JobId> out;
    while (statement->executeStep()) out.push_back({statement->getColumn(0).getInt64()});
    return out;
  });
}

}  // namespace reeve

// What jobs used, page by page; a part of the store.

#include "core/statistics.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/job.h"
#include "core/limits.h"
#include "store/store.h"

namespace reeve {
namespace {

// By id, so that a page costs the same wherever it lies; that of the newest is the highest.
constexpr const char* page_sql =
    "SELECT job.id, job.name, job.job_group, job.state, job.reason, job.ended_utc, "
    "COALESCE(json_extract(job.demand, '$.cpus'), 1), a.exit_kind, a.exit_code, a.started_utc, "
    "a.ended_utc, a.ended - a.started, a.user_us + a.system_us, a.max_rss_bytes, "
    "a.max_rss_sampled, a.memory_peak, json_extract(job.spec, '$.pipeline') "
    "FROM job LEFT JOIN attempt AS a ON a.job = job.id AND a.number = job.attempt "
    "WHERE job.id < ?1 ORDER BY job.id DESC LIMIT ?2";

std::string exit_text(const SQLite::Statement& row) {
  if (row.isColumnNull(7)) return "";
  const auto kind = static_cast<ExitKind>(row.getColumn(7).getInt());
  const int code = row.getColumn(8).getInt();
  if (kind == ExitKind::exited) return fmt::format("exit code {}", code);
  return kind == ExitKind::signalled ? signal_name(code) : "not started";
}

// The kernel's count for a cgroup has caches in it, so a sum over the processes is preferred.
std::int64_t peak_of(const SQLite::Statement& row) {
  const std::int64_t processes = row.getColumn(13).getInt64();
  const bool is_of_tree = row.getColumn(14).getInt() != 0;
  return is_of_tree ? processes : std::max(processes, row.getColumn(15).getInt64());
}

RunRow read_row(const SQLite::Statement& row) {
  RunRow out;
  out.id = row.getColumn(0).getInt64();
  out.name = row.getColumn(1).getString();
  out.pipeline = row.isColumnNull(16) ? "" : row.getColumn(16).getString();
  out.group = row.getColumn(2).getString();
  out.state = row.getColumn(3).getString();
  out.reason = row.getColumn(4).getString();
  out.cpus = row.getColumn(6).getInt64();
  out.exit = exit_text(row);
  const bool has_times = row.getColumn(9).getInt64() != 0 && row.getColumn(10).getInt64() != 0;
  if (has_times) out.wall_ms = row.getColumn(11).getInt64();
  out.cpu_us = row.getColumn(12).getInt64();
  out.peak_bytes = peak_of(row);
  return out;
}

}  // namespace

Result<RunPage> Store::runs(const RunQuery& query) {
  return read<RunPage>("count what jobs used", [&] {
    auto statement = prepared(page_sql);
    statement->bind(1, query.before ? query.before->value : INT64_MAX);
    statement->bind(2, query.rows_max);
    RunPage page;
    while (statement->executeStep()) {
      ++page.looked_at;
      page.last = JobId{statement->getColumn(0).getInt64()};
      const auto state = state_from_word(statement->getColumn(3).getString());
      const bool has_ended = state && is_terminal(*state);
      if (has_ended && statement->getColumn(5).getInt64() < query.since.ms) continue;
      page.rows.push_back(read_row(*statement));
    }
    return page;
  });
}

Result<std::vector<Duration>> Store::durations(const std::string& name) {
  return read<std::vector<Duration>>("load earlier runs", [&] {
    // Of the newest jobs of that name, whatever became of them: the history may be long.
    auto statement = prepared(
        "SELECT a.ended - a.started - a.paused_ms FROM (SELECT id, attempt FROM job WHERE name = "
        "?1 ORDER BY id DESC LIMIT ?2) AS newest JOIN attempt AS a ON a.job = newest.id AND "
        "a.number = newest.attempt WHERE a.state = 'completed' AND a.started <> 0");
    statement->bind(1, name);
    statement->bind(2, limits::earlier_runs_max);
    std::vector<Duration> durations;
    while (statement->executeStep())
      durations.emplace_back(Duration(statement->getColumn(0).getInt64()));
    return durations;
  });
}

}  // namespace reeve

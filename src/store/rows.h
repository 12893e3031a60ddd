#pragma once
// Jobs and attempts as rows: which column holds what. Only for store.cpp.

#include <SQLiteCpp/Statement.h>

#include <stdexcept>
#include <string>

#include "core/job.h"

namespace reeve::rows {

// Thrown for a row whose text is not what was written.
struct DamagedRow : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Columns of a job followed by those of its current attempt, as `read_job` expects them.
extern const char* const job_columns;

[[nodiscard]] Job read_job(SQLite::Statement& row);
// NULL for the default demand: most jobs have it, and a million of them wait in little space.
[[nodiscard]] std::string demand_text(const Demand& demand);
[[nodiscard]] Demand demand_from_text(const std::string& text);
void bind_job(SQLite::Statement& statement, const Job& job);
// For the update of a specification.
void bind_spec(SQLite::Statement& statement, const Job& job);
// Seven columns from parameter `at` on: kept, removing, removed, and the judgement.
void bind_remarks(SQLite::Statement& statement, int at, const Job& job);
void bind_attempt(SQLite::Statement& statement, const Job& job);

}  // namespace reeve::rows

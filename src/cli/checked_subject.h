#pragma once
// What `validate` and `report` speak of: a job, or what a pipeline would have made.

#include <expected>
#include <string>
#include <vector>

#include "cli/client.h"
#include "core/validation_json.h"

namespace reeve::cli {

// "12" or "last".
[[nodiscard]] bool is_job_word(const std::string& word);

// The checks of a job, its parameters, where its results are (published, or staged when they were
// not) and what its log told. `directory` is empty when it has no results any more.
[[nodiscard]] Result<ValidationRequest> request_of_job(const std::string& word);

// The checks that a job of this pipeline would have; else the exit code, after everything that is
// wrong was said.
[[nodiscard]] std::expected<ValidationRequest, int> request_of_pipeline(
    const std::string& name, const std::vector<std::string>& params);

// The report that was made when the job ended. Code `not_found` when there is none, with what is
// known instead.
[[nodiscard]] Result<ValidationReport> report_of_job(const std::string& word);

}  // namespace reeve::cli

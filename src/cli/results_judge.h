#pragma once
// Carries out the checks of one attempt's results, here and now.

#include <string>

#include "core/validation_json.h"

namespace reeve::cli {

struct JudgeTools {
  std::string data_program;  // reeve-data
  int stop = -1;             // when it becomes readable, or hangs up, everything is ended
};

// Files, images and tables first, in reeve-data; then the commands, one after another, in the
// results directory. Whatever goes wrong makes checks unknown, never passed. Nothing of what it
// started lives when it returns. The calling process has one thread.
[[nodiscard]] ValidationReport judge_results(const ValidationRequest& request,
                                             const JudgeTools& tools);

}  // namespace reeve::cli

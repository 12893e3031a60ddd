#pragma once
// Values that are never shown: which they are, and taking them out of texts.

#include <string>
#include <string_view>
#include <vector>

#include "core/job.h"

namespace reeve {

// The job marked the variable, or its name is one that usually holds a secret (`…TOKEN…`,
// `…PASSW…`).
[[nodiscard]] bool is_secret_name(std::string_view name, const std::vector<std::string>& marked);

// The values of all secret variables: of the submitter's `environment` ("NAME=value") and of the
// job's own. Values of less than `limits::secret_bytes_min` are left out: taking every "1" out of a
// text would spoil it and hide nothing.
[[nodiscard]] std::vector<std::string> secret_values(const JobSpec& spec,
                                                     const std::vector<std::string>& environment);

// `text` with `***` in the place of each of the values; longer ones first.
[[nodiscard]] std::string mask_secrets(std::string text, const std::vector<std::string>& values);

}  // namespace reeve

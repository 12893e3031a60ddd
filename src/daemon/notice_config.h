#pragma once
// The tables `[notify.NAME]` and `[retention]` of config.toml, see docs/formats.md.

#include <string>

#include "core/notice.h"
#include "core/retention.h"
#include "daemon/config_reader.h"

namespace reeve {

// A table for each target. Exactly one way to reach it; keys of another way are refused.
[[nodiscard]] Take notice_targets_into(NoticeTargets& out, Mistakes& mistakes);
[[nodiscard]] Take retention_into(RetentionPolicy& out, Mistakes& mistakes);

// "name@domain" in ASCII, without anything that could end it or begin another.
[[nodiscard]] bool is_mail_address(const std::string& text);

}  // namespace reeve

#include "watch/test_session.h"

#include <algorithm>

#include "watch/wording.h"

namespace reeve {
namespace {

bool is_framed(std::string_view line) {
  return line.starts_with("==") && line.ends_with("==");
}

}  // namespace

std::optional<TestSession> TestSession::begin(std::string_view line) {
  if (is_framed(line) && line.contains(" test session starts ")) return TestSession(Kind::pytest);
  if (line.starts_with("test") && line.contains(") ... ")) return TestSession(Kind::unittest);
  if (line.starts_with("running ") && (line.ends_with(" tests") || line.ends_with(" test")))
    return TestSession(Kind::cargo);
  if (line.starts_with("=== RUN ")) return TestSession(Kind::go);
  if (line.starts_with("[==========] Running ")) return TestSession(Kind::google);
  return std::nullopt;
}

TestSession::End TestSession::end(std::string_view line) {
  const auto verdict = [](bool is_passed) { return is_passed ? End::passed : End::failed; };
  switch (kind_) {
    case Kind::pytest:
      if (!is_framed(line) || !line.contains(" in ") || !line.contains("s ")) return End::none;
      return verdict(!line.contains(" failed") && !line.contains(" error"));
    case Kind::unittest:
      if (line == "OK" || line.starts_with("OK (")) return End::passed;
      return line.starts_with("FAILED (") ? End::failed : End::none;
    case Kind::cargo:
      if (!line.starts_with("test result: ")) return End::none;
      return verdict(line.starts_with("test result: ok"));
    case Kind::go:
      if (line == "PASS" || line.starts_with("ok  \t")) return End::passed;
      return line == "FAIL" || line.starts_with("FAIL\t") ? End::failed : End::none;
    case Kind::google:
      if (line.starts_with("[  PASSED  ]")) return End::passed;
      return line.starts_with("[  FAILED  ]") && line.contains("listed below") ? End::failed
                                                                               : End::none;
  }
  return End::none;
}

}  // namespace reeve

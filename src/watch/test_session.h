#pragma once
// The output of test programs, which show errors that tests provoke on purpose. What a session of
// tests shows counts by how the session ends.

#include <cstdint>
#include <optional>
#include <string_view>

namespace reeve {

class TestSession {
 public:
  // The line begins one: of pytest, unittest -v, cargo test, go test -v or GoogleTest.
  static std::optional<TestSession> begin(std::string_view line);

  enum class End : std::uint8_t { none, passed, failed };
  [[nodiscard]] End end(std::string_view line);

 private:
  enum class Kind : std::uint8_t { pytest, unittest, cargo, go, google };
  explicit TestSession(Kind kind) : kind_(kind) {}

  Kind kind_;
};

}  // namespace reeve

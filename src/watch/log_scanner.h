#pragma once
// Finds errors in a log while it grows: in constant memory, in time that grows with its length
// only, and the same however it is cut into pieces.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/finding.h"
#include "watch/line_splitter.h"
#include "watch/rules.h"
#include "watch/test_session.h"
#include "watch/traceback.h"

namespace reeve {

// What was found is told in the order of the log, at most one finding for a line, and never
// changed. A finding of several lines is told when a line follows that is no part of it, at
// `settle`, or at `finish`. Within a session of tests (watch/test_session.h) findings are told when
// it ends: as warnings where the tests passed.
//
// An error becomes a warning when it is announced to be tried again, when its line says that it
// does not matter, and when a traceback was logged at a lower level than ERROR. Of the same rule
// limits::findings_kept_max findings are told; the last of them says so, and the others are only
// counted. One thread.
class LogScanner {
 public:
  explicit LogScanner(std::shared_ptr<const RuleSet> rules);

  // The next bytes of the log. Adds to `out`.
  void feed(std::string_view bytes, std::vector<Finding>& out);
  // The log does not hold the next `count` bytes. Lines among them are not counted.
  void skip(std::int64_t count);
  // Nothing has come for a while: tells what is open as far as it is known. Should more of it come
  // after all, then that is a finding of its own.
  void settle(std::vector<Finding>& out);
  // Nothing will come any more.
  void finish(std::vector<Finding>& out);

  // Something was read that `settle` would tell.
  [[nodiscard]] bool is_open() const { return open_.has_value(); }
  // Findings so far, also those that were only counted.
  [[nodiscard]] std::int64_t errors() const { return errors_; }
  [[nodiscard]] std::int64_t warnings() const { return warnings_; }

 private:
  // A finding that further lines may say more of.
  struct Open {
    Finding finding;
    std::size_t rule = 0;
    std::optional<Traceback> traceback;
    int follow_lines = 0;
    std::string cause;
    bool has_message = true;  // else a further line is it
    bool may_have_cause = false;
    bool is_ignored = false;
  };
  struct Sight;

  void take_block(LineBlock block, std::vector<Finding>& out);
  [[nodiscard]] bool is_attentive() const { return open_.has_value() || session_.has_value(); }
  void take_line(LineBlock& block, std::size_t begin, std::size_t end, const Candidate* candidate,
                 std::vector<Finding>& out);
  // Whether the line belongs to what is open.
  [[nodiscard]] bool continue_open(std::string_view line, std::vector<Finding>& out);
  [[nodiscard]] bool continue_traceback(std::string_view line, std::vector<Finding>& out);
  [[nodiscard]] bool merge_traceback(std::string_view line);
  [[nodiscard]] std::optional<Open> classify(std::string_view line, const Candidate& candidate,
                                             std::string_view before) const;
  [[nodiscard]] std::optional<Open> classify_by_rules(const Sight& sight, RuleBits triggered) const;
  [[nodiscard]] bool read(const Sight& sight, const Rule& rule, Open& found) const;
  [[nodiscard]] static bool read_traceback(const Sight& sight, Open& found);
  [[nodiscard]] bool read_pattern(const Sight& sight, const Rule& rule, Open& found) const;
  void judge(Open& found, std::string_view line) const;
  void close(std::vector<Finding>& out);
  void tell(Finding finding, std::size_t rule, std::vector<Finding>& out);
  void end_session(TestSession::End end, std::vector<Finding>& out);
  void deliver(Finding finding, std::vector<Finding>& out);

  std::shared_ptr<const RuleSet> rules_;
  RuleSet::Memory memory_;
  LineSplitter splitter_;
  std::vector<Candidate> candidates_;
  std::string previous_;  // the last line of the last block, or its beginning
  std::optional<Open> open_;
  std::optional<TestSession> session_;
  std::vector<Finding> held_;  // until the session ends
  std::array<std::int64_t, rules_max + 2> counts_{};
  std::int64_t errors_ = 0;
  std::int64_t warnings_ = 0;
};

}  // namespace reeve

#pragma once
// Finding lines in a stream of bytes: in constant memory, in time that grows with its length only.

#include <regex.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace reeve::cli {

// A POSIX extended regular expression, or plain text; bytes, not characters.
class Pattern {
 public:
  struct Options {
    bool ignore_case = false;  // of ASCII letters
    bool is_plain = false;     // the text itself is meant
  };
  // Code `invalid`, in words, also for what could take for ever or fill the memory:
  // back-references, and repetitions of repetitions beyond a bound.
  static Result<Pattern> make(const std::string& text, Options options);

  struct Span {
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  // What of a line the text is.
  struct Part {
    bool has_begin = true;
    bool has_end = true;
  };
  [[nodiscard]] std::optional<Span> find(std::string_view text, Part part) const;

 private:
  struct Free {
    void operator()(regex_t* compiled) const;
  };
  [[nodiscard]] bool matches(std::string_view text, Part part) const;
  [[nodiscard]] std::optional<Span> locate(std::string_view text, Part part) const;

  Options options_;
  std::string plain_;
  std::unique_ptr<regex_t, Free> whether_;  // null for plain text, as the other
  std::unique_ptr<regex_t, Free> where_;
};

struct FoundLine {
  std::int64_t number = 0;   // from 1
  std::string text;          // long lines are cut to the place of the match
  bool is_match = false;     // else it stands around one
  Pattern::Span span;        // of the match in the text
  bool follows_gap = false;  // lines between this one and the one told before were left out
};

class LineSearch {
 public:
  struct Options {
    std::int64_t before = 0;  // lines to tell around a match
    std::int64_t after = 0;
    std::int64_t matches_max = 0;  // 0: no bound
  };
  LineSearch(const Pattern& pattern, Options options, std::function<void(const FoundLine&)> tell);

  void feed(std::string_view chunk);
  // A line that is counted, but not looked at; ends the one before it.
  void skip_line();
  // The last line may have no end.
  void finish();
  // Nothing further will be told.
  [[nodiscard]] bool is_done() const;
  [[nodiscard]] std::int64_t matches() const { return matches_; }

 private:
  void take(std::string_view part);
  void search_window();
  void end_line(std::string_view line);
  void tell_line(FoundLine line);

  const Pattern& pattern_;
  Options options_;
  std::function<void(const FoundLine&)> tell_;
  std::string window_;             // of a line whose end is not there yet
  bool is_long_ = false;           // the window has left the line's beginning
  std::optional<FoundLine> long_;  // what is known of a long line: its beginning, or its match
  std::deque<FoundLine> before_;
  std::int64_t number_ = 0;
  std::int64_t matches_ = 0;
  std::int64_t after_left_ = 0;
  std::int64_t told_ = 0;  // number of the last line that was told
};

}  // namespace reeve::cli

#pragma once
// Python's tracebacks: chained ones, groups of exceptions, with or without a name of a rank or a
// container in front of each line.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace reeve {

class Traceback {
 public:
  // The line begins one: `Traceback (most recent call last):`, also with words in front, or the
  // place of a syntax error, which comes without.
  static std::optional<Traceback> begin(std::string_view line);

  enum class Step : std::uint8_t {
    taken,    // the line belongs to it
    foreign,  // it does not, but more may come: this line may be looked at for itself
    over,     // it does not, and nothing more comes
  };
  Step take(std::string_view line);

  // `KeyError: 'lat'`: the last line of the last exception; empty as long as it has not come.
  [[nodiscard]] const std::string& message() const { return message_; }
  // The innermost frame: `train.py:12 in main`.
  [[nodiscard]] const std::string& place() const { return place_; }

 private:
  enum class State : std::uint8_t {
    frames,   // up to the line that names the exception
    ended,    // another may follow, which this one led to
    chained,  // it does: its header is next
  };

  [[nodiscard]] std::optional<std::string_view> without_prefix(std::string_view line);
  Step take_frame(std::string_view line);
  Step take_after(std::string_view line);
  Step take_in_group(std::string_view line);
  void read_place(std::string_view line);
  void end_with(std::string_view line);

  State state_ = State::frames;
  std::string prefix_;           // what stands before each line
  bool is_prefix_known_ = true;  // else the next line tells it
  bool is_group_ = false;
  bool has_member_ = false;  // the first exception of the group is part of the message
  bool is_headless_ = false;
  int lines_left_ = 0;  // that may be foreign
  std::string message_;
  std::string place_;
};

}  // namespace reeve

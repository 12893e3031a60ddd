#include "core/state.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <string>

namespace reeve {
namespace {

// Indexed by the enumerators' values.
constexpr std::array<std::string_view, 14> state_words{
    "held",      "queued",    "starting", "running",   "paused",  "cancelling", "timing_out",
    "finishing", "completed", "failed",   "cancelled", "timeout", "lost",       "skipped"};
constexpr std::array<std::string_view, 15> reason_words{
    "",           "exit_code",     "signal",          "launch_error", "cancelled_by_user",
    "wall_limit", "publish_error", "keeper_died",     "reboot",       "out_of_memory",
    "log_error",  "hung",          "invalid_results", "declared",     "preempted"};
constexpr std::array<std::string_view, 4> priority_words{"low", "normal", "high", "critical"};

template <typename Enum, std::size_t N>
std::optional<Enum> find_word(const std::array<std::string_view, N>& words, std::string_view word) {
  const auto found = std::ranges::find(words, word);
  if (found == words.end()) return std::nullopt;
  return static_cast<Enum>(found - words.begin());
}

}  // namespace

std::string_view to_word(JobState state) {
  return state_words[static_cast<std::size_t>(state)];
}
std::string_view to_word(Reason reason) {
  return reason_words[static_cast<std::size_t>(reason)];
}
std::string_view to_word(Priority priority) {
  return priority_words[static_cast<std::size_t>(priority)];
}

std::optional<JobState> state_from_word(std::string_view word) {
  return find_word<JobState>(state_words, word);
}

std::optional<Reason> reason_from_word(std::string_view word) {
  return find_word<Reason>(reason_words, word);
}

std::optional<Priority> priority_from_word(std::string_view word) {
  std::string lower(word);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return find_word<Priority>(priority_words, lower);
}

}  // namespace reeve

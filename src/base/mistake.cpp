#include "base/mistake.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace reeve {

std::string to_text(std::string_view path, const Mistake& mistake) {
  const Place place = mistake.place;
  const std::string at = place.line > 0 ? fmt::format(":{}:{}", place.line, place.column) : "";
  return printable(fmt::format("{}{}: {}", path, at, mistake.what));
}

void Mistakes::add(Place place, std::string what) {
  if (is_full())
    ++left_out_;
  else
    list_.push_back({place, std::move(what)});
}

std::vector<Mistake> Mistakes::sorted() const {
  std::vector<Mistake> out = list_;
  std::ranges::sort(out);
  const auto twice = std::ranges::unique(out);
  out.erase(twice.begin(), twice.end());
  return out;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates,
                         const std::vector<Synonym>& synonyms) {
  const auto known = std::ranges::find(synonyms, word, &Synonym::first);
  const auto near =
      known != synonyms.end() ? std::optional(known->second) : nearest(word, candidates);
  return near ? fmt::format("; did you mean `{}`?", *near) : "";
}

}  // namespace reeve

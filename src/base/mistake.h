#pragma once
// What is wrong in a file that a person wrote, and where.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reeve {

// Both counted from 1; 0 where the file as a whole is meant.
struct Place {
  std::int64_t line = 0;
  std::int64_t column = 0;
  auto operator<=>(const Place&) const = default;
};

struct Mistake {
  Place place;
  std::string what;  // a sentence that names what was expected
  auto operator<=>(const Mistake&) const = default;
};

// "reeve.toml:3:5: `cpus`: expected a whole number", as compilers and editors write and read it;
// printable.
[[nodiscard]] std::string to_text(std::string_view path, const Mistake& mistake);

// All mistakes of a file, up to a number; those beyond it are only counted.
class Mistakes {
 public:
  explicit Mistakes(std::size_t most) : most_(most) {}

  void add(Place place, std::string what);
  [[nodiscard]] bool empty() const { return list_.empty(); }
  // Whether another one would only be counted: what costs time may be left out.
  [[nodiscard]] bool is_full() const { return list_.size() >= most_; }
  // In the order of the file, each once.
  [[nodiscard]] std::vector<Mistake> sorted() const;
  [[nodiscard]] std::size_t count() const { return list_.size() + left_out_; }
  [[nodiscard]] std::size_t left_out() const { return left_out_; }

 private:
  std::size_t most_;
  std::size_t left_out_ = 0;
  std::vector<Mistake> list_;
};

// A word that people bring along from elsewhere, and the one that is meant.
using Synonym = std::pair<std::string_view, std::string_view>;

// "; did you mean `retry`?", or nothing where no candidate is near.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       const std::vector<std::string_view>& candidates,
                                       const std::vector<Synonym>& synonyms = {});

}  // namespace reeve

#pragma once
// What in a log is an error: the default rules and the patterns of one job, compiled.

#include <array>
#include <bitset>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/finding.h"
#include "watch/default_rules.h"

struct hs_scratch;

namespace reeve {

inline constexpr std::size_t rules_max = 96;
using RuleBits = std::bitset<rules_max>;

// A line that a rule may find something in.
struct Candidate {
  std::size_t begin = 0;  // in the block
  RuleBits triggered;
  bool is_wanted = false;  // a pattern of the job is in it
};

// What a pattern tells of a line.
struct RuleReading {
  std::string_view message;
  std::string_view cause;
  std::string place;
};

// What the patterns of the job say of a line.
enum class Opinion : std::uint8_t { none, ignore, warn, fail };

// Immutable, and may be used by many threads at a time, each with its own memory for searching.
class RuleSet {
 public:
  // Code `invalid` or `too_large`, in words that name the pattern, the place in it and the reason.
  // A policy without patterns gives the same rules again, compiled once.
  static Result<std::shared_ptr<const RuleSet>> compile(const LogPolicy& policy);

  class Memory {
   public:
    Memory() = default;
    Memory(Memory&& other) noexcept;
    Memory& operator=(Memory&& other) noexcept;
    ~Memory();

   private:
    friend class RuleSet;
    hs_scratch* scratch_ = nullptr;
  };
  [[nodiscard]] Memory make_memory() const;

  // Lines of a block (whole lines, see line_splitter.h) that may tell something, in their order.
  void find_candidates(std::string_view block, const Memory& memory,
                       std::vector<Candidate>& out) const;
  // Whether the pattern of a default rule, by its index, finds something in a line.
  [[nodiscard]] std::optional<RuleReading> read(std::size_t rule, std::string_view line) const;
  // What the rule's `follow` tells by a further line.
  [[nodiscard]] std::optional<RuleReading> follow(std::size_t rule, std::string_view line) const;
  // The rules that tell causes.
  [[nodiscard]] const RuleBits& causes() const;
  // The one of them whose pattern is in a message.
  [[nodiscard]] std::optional<std::size_t> find_cause(std::string_view message) const;
  [[nodiscard]] Opinion opinion(std::string_view line) const;

  RuleSet(const RuleSet&) = delete;
  RuleSet& operator=(const RuleSet&) = delete;
  ~RuleSet();

 private:
  struct Defaults;  // the same for all
  struct Wishes;    // the patterns of one job

  RuleSet(std::shared_ptr<const Defaults> defaults, std::unique_ptr<const Wishes> wishes);
  static const std::shared_ptr<const Defaults>& defaults();
  void add_wanted(std::string_view block, std::vector<Candidate>& out) const;

  std::shared_ptr<const Defaults> defaults_;
  std::unique_ptr<const Wishes> wishes_;  // null without patterns
};

}  // namespace reeve

#include "watch/rules.h"

#include <malloc.h>

#include <fmt/format.h>
#include <hs/hs.h>
#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "core/limits.h"

namespace reeve {
namespace {

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

std::string_view view(const re2::StringPiece& text) {
  return {text.data(), text.size()};
}

// A pattern of ours with what its named groups mean.
class ReadingPattern {
 public:
  explicit ReadingPattern(const char* pattern) : compiled_(pattern, options()) {
    check(compiled_.ok(), "a default rule is a regular expression");
    check(compiled_.NumberOfCapturingGroups() <= groups_max, "a default rule has few groups");
  }

  [[nodiscard]] std::optional<RuleReading> read(std::string_view line) const {
    const int count = compiled_.NumberOfCapturingGroups();
    std::array<re2::StringPiece, groups_max + 1> groups;
    if (!compiled_.Match(piece(line), 0, line.size(), RE2::UNANCHORED, groups.data(), count + 1))
      return std::nullopt;
    RuleReading reading;
    std::string_view file;
    std::string_view number;
    std::string_view function;
    for (const auto& [index, name] : compiled_.CapturingGroupNames()) {
      const std::string_view group = view(groups[static_cast<std::size_t>(index)]);
      if (group.empty()) continue;
      if (name.starts_with("message")) reading.message = group;
      if (name.starts_with("place")) reading.place = group;
      if (name == "cause") reading.cause = group;
      if (name == "file") file = group;
      if (name == "number") number = group;
      if (name == "function") function = group;
    }
    if (!file.empty()) reading.place = fmt::format("{}:{} in {}", file, number, function);
    return reading;
  }

  [[nodiscard]] bool is_in(std::string_view line) const {
    return RE2::PartialMatch(piece(line), compiled_);
  }

 private:
  static constexpr int groups_max = 8;

  // Bytes, since a log is not always what it claims to be.
  static RE2::Options options() {
    RE2::Options options(RE2::Latin1);
    options.set_log_errors(false);
    options.set_max_mem(1 << 20);
    return options;
  }

  RE2 compiled_;
};

std::unique_ptr<const ReadingPattern> compile_if(const char* pattern) {
  return pattern == nullptr ? nullptr : std::make_unique<const ReadingPattern>(pattern);
}

struct DatabaseFree {
  void operator()(hs_database_t* database) const { hs_free_database(database); }
};

struct Search {
  std::string_view block;
  std::span<const std::size_t> rule_of;  // by the number of the trigger
  std::vector<Candidate>* out = nullptr;
  std::size_t line_end = 0;  // of the last candidate
};

// Matches come in the order of their ends.
int on_match(unsigned id, unsigned long long, unsigned long long to, unsigned, void* context) {
  auto& search = *static_cast<Search*>(context);
  const std::size_t last = to == 0 ? 0 : static_cast<std::size_t>(to) - 1;
  if (search.out->empty() || last >= search.line_end) {
    const std::size_t before =
        last == 0 ? std::string_view::npos : search.block.rfind('\n', last - 1);
    search.out->push_back(
        {.begin = before == std::string_view::npos ? 0 : before + 1, .triggered = {}});
    search.line_end = std::min(search.block.find('\n', last), search.block.size());
  }
  search.out->back().triggered.set(search.rule_of[id]);
  return 0;
}

RE2::Options wish_options() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(limits::log_pattern_memory_max);
  options.set_never_nl(true);
  return options;
}

// Where the pattern is looked for in many lines at once, `^` and `$` are the ends of a line.
std::string for_many_lines(const std::string& pattern) {
  return "(?m:" + pattern + ")";
}

// These mean the ends of the text, which are not those of a line where many are searched at once.
bool is_for_one_line_only(std::string_view pattern) {
  return pattern.contains("\\A") || pattern.contains("\\z") || pattern.contains("(?-") ||
         pattern.contains("(?i-") || pattern.contains("(?s-") || pattern.contains("-m");
}

std::unexpected<Error> refuse(std::string_view list, const std::string& pattern,
                              const std::string& reason) {
  return failed(ErrorCode::invalid, fmt::format("{}: `{}`: {}", list, printable(pattern), reason));
}

Result<std::unique_ptr<const RE2>> compile_wish(std::string_view list, const std::string& pattern) {
  if (pattern.size() > limits::log_pattern_bytes_max)
    return failed(ErrorCode::too_large,
                  fmt::format("{}: a pattern of {} bytes, and {} are the most", list,
                              pattern.size(), limits::log_pattern_bytes_max));
  auto compiled = std::make_unique<const RE2>(piece(pattern), wish_options());
  if (!compiled->ok()) {
    if (compiled->error_code() == RE2::ErrorPatternTooLarge)
      return refuse(list, pattern, "it becomes too large; repeat less");
    const auto at = pattern.find(compiled->error_arg());
    const std::string place = at == std::string::npos ? "" : fmt::format(" (character {})", at + 1);
    return refuse(list, pattern, compiled->error() + place);
  }
  if (compiled->ProgramSize() > limits::log_pattern_steps_max)
    return refuse(list, pattern, "it becomes too large; repeat less");
  if (RE2::FullMatch("", *compiled) || RE2::PartialMatch("", *compiled))
    return refuse(list, pattern, "it matches the empty line, and so every line");
  return compiled;
}

}  // namespace

struct RuleSet::Defaults {
  struct Compiled {
    std::unique_ptr<const ReadingPattern> pattern;
    std::unique_ptr<const ReadingPattern> exceptions;
    std::unique_ptr<const ReadingPattern> follow;
  };

  std::vector<Compiled> rules;
  std::vector<std::size_t> rule_of;  // by the number of the trigger
  RuleBits causes;
  std::unique_ptr<hs_database_t, DatabaseFree> database;

  Defaults() {
    check(default_rules().size() <= rules_max, "there are at most rules_max default rules");
    std::vector<const char*> triggers;
    for (std::size_t i = 0; i < default_rules().size(); ++i) {
      const Rule& rule = default_rules()[i];
      rules.push_back({.pattern = compile_if(rule.pattern),
                       .exceptions = compile_if(rule.exceptions),
                       .follow = compile_if(rule.follow)});
      causes.set(i, rule.is_cause);
      for (const char* trigger : rule.triggers) {
        triggers.push_back(trigger);
        rule_of.push_back(i);
      }
    }
    compile(triggers);
  }

  void compile(const std::vector<const char*>& triggers) {
    std::vector<unsigned> ids(triggers.size());
    for (unsigned i = 0; i < ids.size(); ++i) ids[i] = i;
    const std::vector<unsigned> flags(triggers.size(), HS_FLAG_MULTILINE);
    hs_database_t* made = nullptr;
    hs_compile_error_t* error = nullptr;
    const auto status = hs_compile_multi(triggers.data(), flags.data(), ids.data(),
                                         static_cast<unsigned>(triggers.size()), HS_MODE_BLOCK,
                                         nullptr, &made, &error);
    hs_free_compile_error(error);
    check(status == HS_SUCCESS, "the triggers of the default rules compile");
    database.reset(made);
    ::malloc_trim(0);  // compiling leaves several times of what it made
  }
};

struct RuleSet::Wishes {
  struct Wish {
    Opinion opinion = Opinion::none;
    std::unique_ptr<const RE2> pattern;
  };
  std::vector<Wish> ignored;
  std::vector<Wish> wanted;  // fail_on, then warn_on
  // All that are wanted at once; null where a pattern has to be tried line by line.
  std::unique_ptr<re2::RE2::Set> together;

  static Result<std::vector<Wish>> compile(std::string_view list, Opinion opinion,
                                           const std::vector<std::string>& patterns) {
    std::vector<Wish> wishes;
    if (patterns.size() > limits::log_patterns_max)
      return failed(ErrorCode::too_large, fmt::format("{}: {} patterns, and {} are the most", list,
                                                      patterns.size(), limits::log_patterns_max));
    for (const std::string& pattern : patterns) {
      auto compiled = compile_wish(list, pattern);
      if (!compiled) return std::unexpected(compiled.error());
      wishes.push_back({.opinion = opinion, .pattern = std::move(*compiled)});
    }
    return wishes;
  }

  void combine(const LogPolicy& policy) {
    auto set = std::make_unique<RE2::Set>(wish_options(), RE2::UNANCHORED);
    for (const auto* patterns : {&policy.fail_on, &policy.warn_on})
      for (const std::string& pattern : *patterns)
        if (is_for_one_line_only(pattern) || set->Add(for_many_lines(pattern), nullptr) < 0) return;
    if (set->Compile()) together = std::move(set);
  }

  [[nodiscard]] bool may_be_in(std::string_view block) const {
    if (wanted.empty()) return false;
    if (!together) return true;
    RE2::Set::ErrorInfo error{};
    std::vector<int> found;
    return together->Match(piece(block), &found, &error) || error.kind != RE2::Set::kNoError;
  }

  [[nodiscard]] Opinion wanted_in(std::string_view line) const {
    for (const Wish& wish : wanted)
      if (RE2::PartialMatch(piece(line), *wish.pattern)) return wish.opinion;
    return Opinion::none;
  }
};

RuleSet::RuleSet(std::shared_ptr<const Defaults> defaults, std::unique_ptr<const Wishes> wishes)
    : defaults_(std::move(defaults)), wishes_(std::move(wishes)) {}

RuleSet::~RuleSet() = default;

const std::shared_ptr<const RuleSet::Defaults>& RuleSet::defaults() {
  static const std::shared_ptr<const Defaults> made = std::make_shared<const Defaults>();
  return made;
}

Result<std::shared_ptr<const RuleSet>> RuleSet::compile(const LogPolicy& policy) {
  if (policy.fail_on.empty() && policy.warn_on.empty() && policy.ignore.empty()) {
    static const std::shared_ptr<const RuleSet> plain(new RuleSet(defaults(), nullptr));
    return plain;
  }
  auto wishes = std::make_unique<Wishes>();
  auto fail = Wishes::compile("fail_on", Opinion::fail, policy.fail_on);
  if (!fail) return std::unexpected(fail.error());
  auto warn = Wishes::compile("warn_on", Opinion::warn, policy.warn_on);
  if (!warn) return std::unexpected(warn.error());
  auto ignore = Wishes::compile("ignore", Opinion::ignore, policy.ignore);
  if (!ignore) return std::unexpected(ignore.error());
  wishes->wanted = std::move(*fail);
  std::ranges::move(*warn, std::back_inserter(wishes->wanted));
  wishes->ignored = std::move(*ignore);
  if (!wishes->wanted.empty()) wishes->combine(policy);
  return std::shared_ptr<const RuleSet>(new RuleSet(defaults(), std::move(wishes)));
}

RuleSet::Memory::Memory(Memory&& other) noexcept
    : scratch_(std::exchange(other.scratch_, nullptr)) {}

RuleSet::Memory& RuleSet::Memory::operator=(Memory&& other) noexcept {
  std::swap(scratch_, other.scratch_);
  return *this;
}

RuleSet::Memory::~Memory() {
  hs_free_scratch(scratch_);
}

RuleSet::Memory RuleSet::make_memory() const {
  Memory memory;
  check(hs_alloc_scratch(defaults_->database.get(), &memory.scratch_) == HS_SUCCESS,
        "there is memory for searching");
  return memory;
}

void RuleSet::find_candidates(std::string_view block, const Memory& memory,
                              std::vector<Candidate>& out) const {
  out.clear();
  Search search{.block = block, .rule_of = defaults_->rule_of, .out = &out};
  const auto status =
      hs_scan(defaults_->database.get(), block.data(), static_cast<unsigned>(block.size()), 0,
              memory.scratch_, on_match, &search);
  check(status == HS_SUCCESS, "a block can be searched");
  if (wishes_ && wishes_->may_be_in(block)) add_wanted(block, out);
}

void RuleSet::add_wanted(std::string_view block, std::vector<Candidate>& out) const {
  std::vector<Candidate> all;
  auto known = out.begin();
  for (std::size_t begin = 0; begin < block.size();) {
    const std::size_t end = std::min(block.find('\n', begin), block.size());
    const bool is_known = known != out.end() && known->begin == begin;
    const bool is_wanted = wishes_->wanted_in(block.substr(begin, end - begin)) != Opinion::none;
    if (is_known || is_wanted)
      all.push_back({.begin = begin,
                     .triggered = is_known ? (known++)->triggered : RuleBits(),
                     .is_wanted = is_wanted});
    begin = end + 1;
  }
  out = std::move(all);
}

std::optional<RuleReading> RuleSet::read(std::size_t rule, std::string_view line) const {
  const Defaults::Compiled& compiled = defaults_->rules[rule];
  auto reading = compiled.pattern->read(line);
  if (reading && compiled.exceptions && compiled.exceptions->is_in(line)) return std::nullopt;
  return reading;
}

std::optional<RuleReading> RuleSet::follow(std::size_t rule, std::string_view line) const {
  return defaults_->rules[rule].follow->read(line);
}

const RuleBits& RuleSet::causes() const {
  return defaults_->causes;
}

std::optional<std::size_t> RuleSet::find_cause(std::string_view message) const {
  for (std::size_t rule = 0; rule < default_rules().size(); ++rule)
    if (causes().test(rule) && read(rule, message)) return rule;
  return std::nullopt;
}

Opinion RuleSet::opinion(std::string_view line) const {
  if (!wishes_) return Opinion::none;
  for (const Wishes::Wish& wish : wishes_->ignored)
    if (RE2::PartialMatch(piece(line), *wish.pattern)) return Opinion::ignore;
  return wishes_->wanted_in(line);
}

}  // namespace reeve

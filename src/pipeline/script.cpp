#include "pipeline/script.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/limits.h"
#include "pipeline/placeholder.h"

namespace reeve {
namespace {

enum class Context : std::uint8_t {
  bare,
  double_quoted,
  single_quoted,
  ansi_quoted,    // $'…'
  expansion,      // ${…}
  arithmetic,     // $((…)) and ((…))
  here_document,  // anywhere after one has begun
  escaped,        // after a backslash
};

bool is_word_part(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Follows the quotes of a script, as far as placeholders need it (bash(1), QUOTING and EXPANSION).
// It may be wrong about what is rare, such as `case` within `$( )`: see the header.
class Quotes {
 public:
  explicit Quotes(std::string_view text) : text_(text) {}

  // The context at each of these positions, which ascend and are within the text.
  std::vector<Context> contexts_at(const std::vector<std::size_t>& positions) {
    std::vector<Context> out;
    auto next = positions.begin();
    while (next != positions.end()) {
      if (at_ == *next) {
        out.push_back(here_document_ ? Context::here_document : stack_.back().context);
        ++next;
        ++at_;
        continue;
      }
      const bool is_escape = text_[at_] == '\\';
      step();
      // What was stepped over is after a backslash, or in a comment.
      for (; next != positions.end() && *next < at_; ++next)
        out.push_back(is_escape ? Context::escaped : Context::bare);
    }
    return out;
  }

 private:
  struct Frame {
    Context context;
    char end;  // what closes it
  };

  [[nodiscard]] bool is(Context context) const { return stack_.back().context == context; }
  [[nodiscard]] bool sees(std::string_view what) const {
    return text_.substr(at_).starts_with(what);
  }
  void enter(Context context, char end, std::size_t length) {
    stack_.push_back({context, end});
    at_ += length;
  }

  void step() {
    const char c = text_[at_];
    if (c == '\\' && !is(Context::single_quoted)) {
      at_ += 2;
    } else if (stack_.size() > 1 && c == stack_.back().end) {
      at_ += is(Context::arithmetic) && sees("))") ? 2 : 1;
      stack_.pop_back();
    } else if (is(Context::single_quoted) || is(Context::ansi_quoted) ||
               (!step_into_expansion() && !step_into_quotes())) {
      ++at_;
    }
  }

  // What begins the same within double quotes and without.
  bool step_into_expansion() {
    if (sees("$(("))
      enter(Context::arithmetic, ')', 3);
    else if (sees("$("))
      enter(Context::bare, ')', 2);
    else if (sees("${"))
      enter(Context::expansion, '}', 2);
    else if (sees("`"))
      enter(Context::bare, '`', 1);
    else
      return false;
    return true;
  }

  bool step_into_quotes() {
    if (is(Context::double_quoted)) return false;
    const bool begins_word = at_ == 0 || std::string_view(" \t\n;&|()").contains(text_[at_ - 1]);
    if (sees("\""))
      enter(Context::double_quoted, '"', 1);
    else if (sees("$'"))
      enter(Context::ansi_quoted, '\'', 2);
    else if (sees("'"))
      enter(Context::single_quoted, '\'', 1);
    else if (sees("((") || (is(Context::arithmetic) && sees("(")))
      enter(Context::arithmetic, ')', sees("((") && !is(Context::arithmetic) ? 2 : 1);
    else if (sees("("))
      enter(Context::bare, ')', 1);
    else if (sees("<<<"))
      at_ += 3;
    else if (sees("<<") && is(Context::bare))
      at_ += 2, here_document_ = true;
    else if (sees("#") && begins_word && is(Context::bare))
      at_ = std::min(text_.find('\n', at_), text_.size());
    else
      return false;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool here_document_ = false;
  std::vector<Frame> stack_{{Context::bare, '\0'}};
};

// A script with one letter in place of each parameter.
struct Skeleton {
  std::string text;
  std::vector<std::size_t> positions;
  std::vector<Context> contexts;
};

Skeleton skeleton_of(const std::vector<Piece>& pieces) {
  Skeleton out;
  for (const Piece& piece : pieces) {
    if (piece.is_param) out.positions.push_back(out.text.size());
    out.text += piece.is_param ? "x" : piece.text;
  }
  out.contexts = Quotes(out.text).contexts_at(out.positions);
  return out;
}

bool may_need_quotes(const Param& param) {
  if (param.type == ParamType::choice)
    return !std::ranges::all_of(param.choices, [](const auto& c) { return is_plain_text(c); });
  return !param.is_plain();
}

std::string_view to_words(Context context) {
  switch (context) {
    case Context::ansi_quoted:
      return "in $'…'";
    case Context::expansion:
      return "in ${…}";
    case Context::arithmetic:
      return "in arithmetic";
    case Context::here_document:
      return "in or after a here-document";
    default:
      return "";
  }
}

// Words that mean something else where a command begins.
bool is_keyword(std::string_view word) {
  constexpr std::array<std::string_view, 17> keywords{
      "if",    "then",  "else", "elif", "fi",       "do",     "done",   "case", "esac",
      "while", "until", "for",  "in",   "function", "select", "coproc", "time"};
  return std::ranges::find(keywords, word) != keywords.end();
}

// Whether what is put after this text would become part of the name of a variable.
bool ends_with_variable(std::string_view text) {
  std::size_t at = text.size();
  while (at > 0 && is_word_part(text[at - 1])) --at;
  return at > 0 && text[at - 1] == '$';
}

// What stands around a placeholder.
struct Surroundings {
  Context context;
  std::string_view before;  // up to the placeholder before it
  char next;                // '\0' at the end
};

bool can_stand_as_it_is(const std::string& value, const Surroundings& around) {
  if (around.context != Context::bare && around.context != Context::double_quoted) return true;
  if (ends_with_variable(around.before)) return false;
  if (around.context == Context::double_quoted) return true;
  // `2>file` is a redirection of descriptor 2.
  return around.next != '<' && around.next != '>' && !is_keyword(value);
}

std::string fill_one(const std::string& param, const std::string& value,
                     const Surroundings& around) {
  if (is_plain_text(value) && can_stand_as_it_is(value, around)) return value;
  std::string variable = "${" + variable_name(param) + "}";
  if (around.context == Context::double_quoted) return variable;
  if (around.context == Context::single_quoted) return "'\"" + variable + "\"'";
  return "\"" + variable + "\"";
}

}  // namespace

bool is_plain_text(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_word_part(c) || std::string_view("./:@%+-").contains(c);
  });
}

std::vector<std::string> find_script_faults(std::string_view script,
                                            const std::vector<Param>& params) {
  std::vector<std::string> faults;
  const auto pieces = split_placeholders(script);
  const Skeleton skeleton = skeleton_of(pieces);
  const auto find = [&](const std::string& name) {
    return std::ranges::find_if(params, [&](const Param& param) { return param.name == name; });
  };
  std::size_t index = 0;
  for (const Piece& piece : pieces) {
    if (faults.size() == limits::mistakes_max) break;
    if (const auto param = find(piece.variable); !piece.variable.empty() && param != params.end())
      faults.push_back(fmt::format(
          "`${{{0}}}` is a variable of the shell, and `{0}` a parameter: write `{{{0}}}` for it",
          piece.variable));
    if (!piece.is_param) continue;
    const Context context = skeleton.contexts[index++];
    const auto param = find(piece.text);
    if (param == params.end()) continue;
    if (context == Context::escaped)
      faults.push_back(fmt::format(
          "a backslash before `{{{0}}}`: write `{{{{{0}}}}}` for braces that stay, or leave it out",
          piece.text));
    else if (!to_words(context).empty() && may_need_quotes(*param))
      faults.push_back(
          fmt::format("`{{{}}}` can't stand {}, since its value may need quotes: use "
                      "the variable `${}` of the environment there",
                      piece.text, to_words(context), variable_name(param->name)));
  }
  return faults;
}

std::string fill_script(std::string_view script, const std::map<std::string, std::string>& values) {
  const auto pieces = split_placeholders(script);
  const Skeleton skeleton = skeleton_of(pieces);
  std::string out;
  std::string_view before;
  std::size_t index = 0;
  for (const Piece& piece : pieces) {
    if (!piece.is_param) {
      out += piece.text;
      before = piece.text;
      continue;
    }
    const std::size_t end = skeleton.positions[index] + 1;
    const Surroundings around{skeleton.contexts[index], before,
                              end < skeleton.text.size() ? skeleton.text[end] : '\0'};
    ++index;
    before = {};
    const auto found = values.find(piece.text);
    out += found == values.end() ? "{" + piece.text + "}"
                                 : fill_one(piece.text, found->second, around);
  }
  return out;
}

}  // namespace reeve

#include "pipeline/placeholder.h"

#include <algorithm>

namespace reeve {
namespace {

bool is_name_begin(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_name_part(char c) {
  return is_name_begin(c) || (c >= '0' && c <= '9');
}

std::size_t run_of(std::string_view text, std::size_t at, char wanted) {
  return std::min(text.find_first_not_of(wanted, at), text.size()) - at;
}

// A name in braces that begin at `at`.
struct Braced {
  std::size_t opening;  // braces in a row
  std::size_t pairs;    // around the name
  std::string_view name;
};

Braced look_at(std::string_view text, std::size_t at) {
  Braced found{run_of(text, at, '{'), 0, {}};
  std::size_t end = at + found.opening;
  if (end == text.size() || !is_name_begin(text[end])) return found;
  while (end < text.size() && is_name_part(text[end])) ++end;
  found.name = text.substr(at + found.opening, end - at - found.opening);
  found.pairs = std::min(found.opening, run_of(text, end, '}'));
  return found;
}

}  // namespace

std::vector<Piece> split_placeholders(std::string_view text) {
  std::vector<Piece> pieces(1);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t brace = std::min(text.find('{', at), text.size());
    pieces.back().text += text.substr(at, brace - at);
    at = brace;
    if (at == text.size()) break;
    const Braced found = look_at(text, at);
    const bool is_variable = at > 0 && text[at - 1] == '$' && found.opening == 1;
    if (found.pairs == 0) {
      pieces.back().text.append(found.opening, '{');
      at += found.opening;
      continue;
    }
    at += found.opening + found.name.size() + found.pairs;
    if (is_variable) {
      pieces.back().text += "{" + std::string(found.name) + "}";
      pieces.back().variable = found.name;
      pieces.emplace_back();
      continue;
    }
    const std::size_t literal = found.pairs / 2;
    pieces.back().text.append(found.opening - found.pairs + literal, '{');
    if (found.pairs % 2 == 1) {
      pieces.push_back({std::string(found.name), true, {}});
      pieces.emplace_back();
    } else {
      pieces.back().text += found.name;
    }
    pieces.back().text.append(literal, '}');
  }
  return pieces;
}

std::string fill_placeholders(std::string_view text,
                              const std::map<std::string, std::string>& values) {
  std::string out;
  for (const Piece& piece : split_placeholders(text)) {
    const auto value = piece.is_param ? values.find(piece.text) : values.end();
    if (value != values.end())
      out += value->second;
    else
      out += piece.is_param ? "{" + piece.text + "}" : piece.text;
  }
  return out;
}

}  // namespace reeve

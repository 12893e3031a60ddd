#include "core/validation_json.h"

#include <algorithm>
#include <cctype>

namespace reeve {
namespace {

json::value with_case(const json::value& word, int (*change)(int)) {
  if (!word.is_string()) return word;
  std::string text(word.get_string());
  std::ranges::transform(text, text.begin(),
                         [&](unsigned char c) { return static_cast<char>(change(c)); });
  return json::value(text);
}

}  // namespace

Result<Check> check_from_json(const json::value& value, const std::string& path) {
  Check check;
  if (auto decoded = decode_json(value, check, path); !decoded)
    return std::unexpected(decoded.error());
  return check;
}

json::object report_to_json(const ValidationReport& report) {
  json::object out = encode_json(report).get_object();
  out["status"] = with_case(out["status"], std::toupper);
  return out;
}

Result<ValidationReport> report_from_json(const json::value& value) {
  ValidationReport report;
  json::value plain = value;
  if (plain.is_object() && plain.get_object().contains("status"))
    plain.get_object()["status"] = with_case(plain.get_object()["status"], std::tolower);
  if (auto decoded = decode_json(plain, report, ""); !decoded)
    return std::unexpected(decoded.error());
  return report;
}

}  // namespace reeve

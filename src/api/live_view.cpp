#include "api/live_view.h"

#include <boost/json/value.hpp>
#include <string_view>

#include "core/usage.h"

namespace reeve {
namespace {

namespace json = boost::json;

template <typename T>
json::value value_or_null(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

std::string_view to_word(ProgressSource source) {
  if (source == ProgressSource::told) return "told";
  return source == ProgressSource::status_file ? "status_file" : "output";
}

json::object progress_to_json(const Progress& progress) {
  return {{"fraction", value_or_null(progress.fraction)},
          {"done", value_or_null(progress.done)},
          {"total", value_or_null(progress.total)},
          {"rows", value_or_null(progress.rows)},
          {"stage", progress.stage},
          {"text", progress.text},
          {"source", to_word(progress.source)},
          {"words", describe(progress)}};
}

json::object eta_to_json(const std::optional<Eta>& eta) {
  json::object out{{"words", describe(eta)}};
  if (!eta) return out;
  out["expected_ms"] = eta->expected.count();
  out["low_ms"] = eta->low.count();
  out["high_ms"] = eta->high.count();
  out["basis"] = eta->basis == EtaBasis::progress ? "progress" : "earlier_runs";
  return out;
}

json::object use_to_json(const Reading& use) {
  const auto of = [&](Metric metric) {
    return static_cast<double>(use.at(static_cast<std::size_t>(metric)));
  };
  return {{"cpu_percent", of(Metric::cpu)},
          {"memory_bytes", static_cast<std::int64_t>(of(Metric::memory))},
          {"read_bytes_per_second", of(Metric::read)},
          {"written_bytes_per_second", of(Metric::written)},
          {"processes", static_cast<std::int64_t>(of(Metric::processes))},
          {"threads", static_cast<std::int64_t>(of(Metric::threads))},
          {"words", resource_line(use, std::nullopt)}};
}

}  // namespace

json::object live_to_json(const Live& live, const std::vector<Duration>& earlier) {
  const bool is_told = live.progress && live.progress->fraction;
  const auto eta = is_told ? live.eta : estimate_from_runs(earlier, live.active);
  return {{"progress", live.progress ? json::value(progress_to_json(*live.progress)) : nullptr},
          {"eta", eta_to_json(eta)},
          {"use", live.use ? json::value(use_to_json(*live.use)) : nullptr},
          {"active_ms", live.active.count()},
          {"silent_ms", live.silent.count()},
          {"needs_beats", live.needs_beats}};
}

}  // namespace reeve

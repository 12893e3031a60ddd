// What is to be told, and what was; a part of the store.

#include <fmt/format.h>

#include "base/check.h"
#include "store/store.h"

namespace reeve {
namespace {

constexpr const char* columns =
    "id, target, occasion, job, attempt, event, subject, payload, state, tries, due, digest, "
    "error, created_utc, tried_utc, ended_utc";

Delivery read_delivery(const SQLite::Statement& row) {
  Delivery out;
  out.id = row.getColumn(0).getInt64();
  out.target = row.getColumn(1).getString();
  out.occasion = occasion_from_word(row.getColumn(2).getString()).value_or(Occasion::end);
  out.job = {row.getColumn(3).getInt64()};
  out.attempt = row.getColumn(4).getInt();
  out.event = row.getColumn(5).getInt64();
  out.subject = row.getColumn(6).getString();
  out.payload = row.getColumn(7).getString();
  out.state =
      delivery_state_from_word(row.getColumn(8).getString()).value_or(DeliveryState::failed);
  out.tries = row.getColumn(9).getInt();
  out.due = {row.getColumn(10).getInt64()};
  out.digest = row.getColumn(11).getInt64();
  out.error = row.getColumn(12).getString();
  out.created_at = {row.getColumn(13).getInt64()};
  out.tried_at = {row.getColumn(14).getInt64()};
  out.ended_at = {row.getColumn(15).getInt64()};
  return out;
}

}  // namespace

std::int64_t Store::put_delivery(const Delivery& delivery) {
  auto statement = prepared(
      "INSERT INTO delivery (target, occasion, job, attempt, event, subject, payload, state, due, "
      "created_utc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
  statement->bind(1, delivery.target);
  statement->bind(2, std::string(to_word(delivery.occasion)));
  statement->bind(3, delivery.job.value);
  statement->bind(4, delivery.attempt);
  statement->bind(5, delivery.event);
  statement->bind(6, delivery.subject);
  statement->bind(7, delivery.payload);
  statement->bind(8, std::string(to_word(delivery.state)));
  statement->bind(9, delivery.due.ms);
  statement->bind(10, delivery.created_at.ms);
  statement->exec();
  return db_.getLastInsertRowid();
}

void Store::save_delivery(const Delivery& delivery) {
  auto statement = prepared(
      "UPDATE delivery SET state = ?2, tries = ?3, due = ?4, error = ?5, tried_utc = ?6, "
      "ended_utc = ?7 WHERE id = ?1");
  statement->bind(1, delivery.id);
  statement->bind(2, std::string(to_word(delivery.state)));
  statement->bind(3, delivery.tries);
  statement->bind(4, delivery.due.ms);
  statement->bind(5, delivery.error);
  statement->bind(6, delivery.tried_at.ms);
  statement->bind(7, delivery.ended_at.ms);
  check(statement->exec() == 1, "a delivery that is saved exists");
}

void Store::put_try(std::int64_t delivery, const StoredTry& tried) {
  auto statement = prepared("INSERT OR REPLACE INTO delivery_try VALUES (?1, ?2, ?3, ?4)");
  statement->bind(1, delivery);
  statement->bind(2, tried.number);
  statement->bind(3, tried.at.ms);
  statement->bind(4, tried.error);
  statement->exec();
}

void Store::fold_deliveries(const std::vector<std::int64_t>& ids, std::int64_t digest,
                            UtcTime now) {
  for (const std::int64_t id : ids) {
    auto statement = prepared(
        "UPDATE delivery SET state = 'folded', digest = ?2, ended_utc = ?3 WHERE id = ?1 AND "
        "state = 'pending' AND tries = 0");
    statement->bind(1, id);
    statement->bind(2, digest);
    statement->bind(3, now.ms);
    check(statement->exec() == 1, "what is folded was pending and never tried");
  }
}

void Store::forget_deliveries(UtcTime before) {
  auto tries = prepared(
      "DELETE FROM delivery_try WHERE delivery IN (SELECT id FROM delivery WHERE state <> "
      "'pending' AND ended_utc < ?1 ORDER BY ended_utc, id LIMIT ?2)");
  auto rows = prepared(
      "DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE state <> 'pending' AND "
      "ended_utc < ?1 ORDER BY ended_utc, id LIMIT ?2)");
  for (auto* statement : {&tries, &rows}) {
    (*statement)->bind(1, before.ms);
    (*statement)->bind(2, static_cast<std::int64_t>(limits::digest_fold_max));
    (*statement)->exec();
  }
}

Result<std::vector<DigestEntry>> Store::digest_entries(const std::string& target,
                                                       const std::vector<std::int64_t>& ids) {
  return read<std::vector<DigestEntry>>("load what is to be told together", [&] {
    std::vector<DigestEntry> out;
    if (ids.empty()) return out;
    auto statement = prepared(
        "SELECT id, occasion, job, subject FROM delivery WHERE target = ?1 AND id BETWEEN ?2 AND "
        "?3 AND state = 'pending' AND tries = 0 ORDER BY id");
    statement->bind(1, target);
    statement->bind(2, ids.front());
    statement->bind(3, ids.back());
    auto wanted = ids.begin();
    while (wanted != ids.end() && statement->executeStep()) {
      if (statement->getColumn(0).getInt64() != *wanted) continue;
      ++wanted;
      out.push_back(
          {occasion_from_word(statement->getColumn(1).getString()).value_or(Occasion::end),
           {statement->getColumn(2).getInt64()},
           statement->getColumn(3).getString()});
    }
    return out;
  });
}

Result<std::vector<Delivery>> Store::pending_deliveries() {
  return read<std::vector<Delivery>>("load what is to be told", [&] {
    auto statement = prepared(
        "SELECT id, target, occasion, tries, due FROM delivery WHERE state = 'pending' "
        "ORDER BY id");
    std::vector<Delivery> out;
    while (statement->executeStep()) {
      Delivery& row = out.emplace_back();
      row.id = statement->getColumn(0).getInt64();
      row.target = statement->getColumn(1).getString();
      row.occasion =
          occasion_from_word(statement->getColumn(2).getString()).value_or(Occasion::end);
      row.tries = statement->getColumn(3).getInt();
      row.due = {statement->getColumn(4).getInt64()};
    }
    return out;
  });
}

Result<std::optional<Delivery>> Store::load_delivery(std::int64_t id) {
  static const std::string sql = fmt::format("SELECT {} FROM delivery WHERE id = ?1", columns);
  return read<std::optional<Delivery>>("load a delivery", [&]() -> std::optional<Delivery> {
    auto statement = prepared(sql.c_str());
    statement->bind(1, id);
    if (!statement->executeStep()) return std::nullopt;
    return read_delivery(*statement);
  });
}

Result<std::vector<Delivery>> Store::deliveries(const DeliveryQuery& query) {
  // The shape of the statement depends on which filters are set; values are always bound.
  std::string sql = fmt::format("SELECT {} FROM delivery WHERE id < ?1", columns);
  if (!query.target.empty()) sql += " AND target = ?3";
  if (query.job) sql += " AND job = ?4";
  if (query.state) sql += " AND state = ?5";
  sql += " ORDER BY id DESC LIMIT ?2";
  return read<std::vector<Delivery>>("list deliveries", [&] {
    SQLite::Statement statement(db_, sql);
    statement.bind(1, query.before > 0 ? query.before : INT64_MAX);
    statement.bind(2, query.rows_max);
    if (!query.target.empty()) statement.bind(3, query.target);
    if (query.job) statement.bind(4, query.job->value);
    if (query.state) statement.bind(5, std::string(to_word(*query.state)));
    std::vector<Delivery> out;
    while (statement.executeStep()) out.push_back(read_delivery(statement));
    return out;
  });
}

Result<std::vector<StoredTry>> Store::tries(std::int64_t delivery) {
  return read<std::vector<StoredTry>>("list the tries of a delivery", [&] {
    auto statement =
        prepared("SELECT number, utc, error FROM delivery_try WHERE delivery = ?1 ORDER BY number");
    statement->bind(1, delivery);
    std::vector<StoredTry> out;
    while (statement->executeStep())
      out.push_back({statement->getColumn(0).getInt(),
                     {statement->getColumn(1).getInt64()},
                     statement->getColumn(2).getString()});
    return out;
  });
}

}  // namespace reeve

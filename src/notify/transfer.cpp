#include "notify/transfer.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "base/text.h"
#include "core/address.h"
#include "notify/mail_message.h"
#include "notify/secret_reader.h"

namespace reeve::notify {
namespace {

using Kind = TryOutcome::Kind;

// Of what a server answers; it is neither used nor shown.
constexpr std::size_t answer_bytes_max = 256 << 10;
constexpr long connect_ms_max = 10'000;

struct CleanHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct CleanList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

class Transfer {
 public:
  explicit Transfer(Duration time_limit) : handle_(curl_easy_init()) {
    set(CURLOPT_ERRORBUFFER, error_.data());
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(time_limit.count()));
    set(CURLOPT_CONNECTTIMEOUT_MS, std::min(connect_ms_max, static_cast<long>(time_limit.count())));
    set(CURLOPT_PROXY, "");
    set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(CURLOPT_WRITEFUNCTION, &Transfer::drop);
    set(CURLOPT_WRITEDATA, this);
  }

  [[nodiscard]] explicit operator bool() const { return handle_ != nullptr; }

  template <typename T>
  void set(CURLoption option, T value) {
    if (handle_) curl_easy_setopt(handle_.get(), option, value);
  }
  void trust(const std::string& ca_file) {
    if (ca_file.empty()) return;
    set(CURLOPT_CAINFO, ca_file.c_str());
    set(CURLOPT_CAPATH, nullptr);
  }
  void add_to(std::unique_ptr<curl_slist, CleanList>& list, const std::string& text) {
    if (curl_slist* longer = curl_slist_append(list.get(), text.c_str())) {
      (void)list.release();
      list.reset(longer);
    }
  }

  CURLcode perform() { return curl_easy_perform(handle_.get()); }
  [[nodiscard]] long code() const {
    long code = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &code);
    return code;
  }
  [[nodiscard]] std::optional<Duration> retry_after() const {
    curl_off_t seconds = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RETRY_AFTER, &seconds);
    if (seconds <= 0) return std::nullopt;
    return std::chrono::seconds(std::min<curl_off_t>(seconds, 1'000'000));
  }
  [[nodiscard]] std::string words(CURLcode result) const {
    return printable(error_.front() != '\0' ? error_.data() : curl_easy_strerror(result));
  }

 private:
  static std::size_t drop(const char*, std::size_t size, std::size_t count, Transfer* self) {
    self->answered_ += size * count;
    return self->answered_ > answer_bytes_max ? 0 : size * count;
  }

  std::unique_ptr<CURL, CleanHandle> handle_;
  std::array<char, CURL_ERROR_SIZE> error_{};
  std::size_t answered_ = 0;
};

TryOutcome temporary(std::string error) {
  return {Kind::temporary, std::move(error), std::nullopt};
}
TryOutcome permanent(std::string error) {
  return {Kind::permanent, std::move(error), std::nullopt};
}

// Asked by libcurl for each socket, with the address that it is going to connect to.
struct AddressCheck {
  std::vector<Network> allowed;
  std::string refusal;
};

curl_socket_t open_socket(void* context, curlsocktype, curl_sockaddr* address) {
  auto* check = static_cast<AddressCheck*>(context);
  if (auto refusal = find_refusal(address->addr, check->allowed)) {
    check->refusal = std::move(*refusal);
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::string decode_base64(const std::string& text) {
  std::string out(text.size() / 4 * 3 + 3, '\0');
  const int got = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                  reinterpret_cast<const unsigned char*>(text.data()),
                                  static_cast<int>(text.size()));
  if (got < 0) return text;
  const auto padding = static_cast<std::size_t>(std::ranges::count(text, '='));
  out.resize(static_cast<std::size_t>(got) - std::min<std::size_t>(padding, 2));
  return out;
}

TryOutcome judge_answer(const Transfer& transfer, const std::string& where) {
  const long code = transfer.code();
  if (code >= 200 && code < 300) return {Kind::delivered, "", std::nullopt};
  std::string words = fmt::format("{} answered {}", where, code);
  if (code >= 300 && code < 400) words += "; redirections are not followed";
  if (code == 408 || code == 425 || code == 429 || code >= 500)
    return {Kind::temporary, std::move(words), transfer.retry_after()};
  return permanent(std::move(words));
}

Result<std::string> url_of(const WebhookWay& way) {
  if (!way.url.empty()) return way.url;
  auto url = read_secret(way.url_place);
  if (url && !url->starts_with("https://") && !(way.plain_http && url->starts_with("http://")))
    return failed(ErrorCode::invalid, "the address is not an https: one");
  return url;
}

Result<AddressCheck> check_for(const WebhookWay& way) {
  AddressCheck check;
  for (const std::string& text : way.allow) {
    auto network = parse_network(text);
    if (!network) return failed(ErrorCode::invalid, fmt::format("`{}` is no network", text));
    check.allowed.push_back(std::move(*network));
  }
  return check;
}

}  // namespace

std::string signature_of(const std::string& key, const std::string& id, std::int64_t seconds,
                         const std::string& payload) {
  constexpr std::string_view prefix = "whsec_";
  const std::string secret =
      key.starts_with(prefix) ? decode_base64(key.substr(prefix.size())) : key;
  const std::string text = fmt::format("{}.{}.{}", id, seconds, payload);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &length);
  std::array<unsigned char, EVP_MAX_MD_SIZE * 2> encoded{};
  EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(length));
  return "v1," + std::string(reinterpret_cast<const char*>(encoded.data()));
}

TryOutcome post_webhook(const DeliveryOrder& order, const WebhookWay& way) {
  const auto url = url_of(way);
  const auto key = read_secret(way.key);
  const auto token = read_secret(way.token);
  auto check = check_for(way);
  // What is wrong with a secret or an address can be put right while it is tried again.
  if (!url) return temporary(url.error().message);
  if (!key) return temporary(key.error().message);
  if (!token) return temporary(token.error().message);
  if (!check) return temporary(check.error().message);
  Transfer transfer(order.time_limit);
  if (!transfer) return temporary("libcurl can't be used");
  transfer.set(CURLOPT_URL, url->c_str());
  transfer.set(CURLOPT_PROTOCOLS_STR, way.plain_http ? "http,https" : "https");
  transfer.set(CURLOPT_FOLLOWLOCATION, 0L);
  transfer.set(CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  transfer.set(CURLOPT_OPENSOCKETDATA, &*check);
  transfer.trust(way.ca_file);
  std::unique_ptr<curl_slist, CleanList> headers;
  const std::int64_t seconds = order.at.ms / 1000;
  transfer.add_to(headers, "Content-Type: application/json");
  transfer.add_to(headers, "User-Agent: reeve-notify");
  transfer.add_to(headers, "Expect:");
  transfer.add_to(headers, "webhook-id: " + order.id);
  transfer.add_to(headers, fmt::format("webhook-timestamp: {}", seconds));
  if (!key->empty())
    transfer.add_to(headers,
                    "webhook-signature: " + signature_of(*key, order.id, seconds, order.payload));
  if (!token->empty()) transfer.add_to(headers, "Authorization: Bearer " + *token);
  transfer.set(CURLOPT_HTTPHEADER, headers.get());
  transfer.set(CURLOPT_POSTFIELDS, order.payload.data());
  transfer.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(order.payload.size()));
  const CURLcode result = transfer.perform();
  // An answer that was too long to read to its end is an answer.
  const bool is_answered =
      result == CURLE_OK || (result == CURLE_WRITE_ERROR && transfer.code() > 0);
  if (is_answered) return judge_answer(transfer, "the webhook");
  if (!check->refusal.empty()) return permanent(check->refusal);
  if (result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL)
    return permanent(transfer.words(result));
  return temporary(transfer.words(result));
}

TryOutcome send_mail(const DeliveryOrder& order, const MailWay& way) {
  const auto password = read_secret(way.password);
  if (!password) return temporary(password.error().message);
  Transfer transfer(order.time_limit);
  if (!transfer) return temporary("libcurl can't be used");
  const bool is_tls = way.tls == MailTls::tls;
  const int port = way.port != 0 ? way.port : is_tls ? 465 : way.tls == MailTls::none ? 25 : 587;
  const bool is_v6 = way.host.find(':') != std::string::npos;
  transfer.set(CURLOPT_URL, fmt::format(fmt::runtime(is_v6 ? "{}://[{}]:{}/" : "{}://{}:{}/"),
                                        is_tls ? "smtps" : "smtp", way.host, port)
                                .c_str());
  transfer.set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  transfer.set(CURLOPT_USE_SSL,
               static_cast<long>(way.tls == MailTls::starttls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
  transfer.trust(way.ca_file);
  if (!way.user.empty()) {
    transfer.set(CURLOPT_USERNAME, way.user.c_str());
    transfer.set(CURLOPT_PASSWORD, password->c_str());
  }
  const std::string from = "<" + way.from + ">";
  transfer.set(CURLOPT_MAIL_FROM, from.c_str());
  std::unique_ptr<curl_slist, CleanList> recipients;
  for (const std::string& to : way.to) transfer.add_to(recipients, "<" + to + ">");
  transfer.set(CURLOPT_MAIL_RCPT, recipients.get());
  const std::string mail = compose_mail(order, way);
  std::string_view left = mail;
  using Read = std::size_t (*)(char*, std::size_t, std::size_t, std::string_view*);
  const Read read = [](char* out, std::size_t size, std::size_t count, std::string_view* text) {
    const std::size_t bytes = text->copy(out, size * count);
    text->remove_prefix(bytes);
    return bytes;
  };
  transfer.set(CURLOPT_READFUNCTION, read);
  transfer.set(CURLOPT_READDATA, &left);
  transfer.set(CURLOPT_UPLOAD, 1L);
  const CURLcode result = transfer.perform();
  if (result == CURLE_OK) return {Kind::delivered, "", std::nullopt};
  const long code = transfer.code();
  const bool is_login = result == CURLE_LOGIN_DENIED || (code >= 530 && code < 540);
  std::string words = transfer.words(result);
  if (code >= 400 && code < 600 && words.find(std::to_string(code)) == std::string::npos)
    words = fmt::format("the mail server answered {}: {}", code, words);
  if (code >= 500 && code < 600 && !is_login) return permanent(std::move(words));
  return temporary(std::move(words));
}

}  // namespace reeve::notify

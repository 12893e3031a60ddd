// What the headers of the C++ library call and the library would define. The keeper is linked
// without it: it allocates with malloc, and gives up where an exception would be thrown.

#include <stdlib.h>

#include <cstddef>

void* operator new(std::size_t size) {
  void* memory = malloc(size == 0 ? 1 : size);
  if (memory == nullptr) abort();
  return memory;
}
void operator delete(void* memory) noexcept {
  free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  free(memory);
}

namespace std {
[[noreturn]] void __throw_length_error(const char*) {
  abort();
}
[[noreturn]] void __throw_bad_alloc() {
  abort();
}
[[noreturn]] void __throw_bad_array_new_length() {
  abort();
}
[[noreturn]] void __throw_out_of_range_fmt(const char*, ...) {
  abort();
}
}  // namespace std

extern "C" int __cxa_atexit(void (*)(void*), void*, void*) {
  return 0;
}
extern "C" void* __dso_handle = nullptr;

// Looks the libraries up in what is loaded, so that those who use no AF_XDP need not have them.
#include "device/dpdk/xdp_text.hpp"

#include <dlfcn.h>
#include <rte_log.h>

#include <cstdarg>

namespace millrace::device {

namespace {

/// Both libraries declare their callback like this; level 0 is a warning, above are details.
using Print = int (*)(int level, const char* format, std::va_list arguments);

int print_to_log(int level, const char* format, std::va_list arguments) {
  return rte_vlog(level == 0 ? RTE_LOG_WARNING : RTE_LOG_DEBUG, RTE_LOGTYPE_USER1, format,
                  arguments);
}

void set_print(const char* library, const char* setter) noexcept {
  void* const loaded = ::dlopen(library, RTLD_NOW | RTLD_NOLOAD);
  if (loaded == nullptr) {
    return;
  }
  if (void* const found = ::dlsym(loaded, setter); found != nullptr) {
    reinterpret_cast<Print (*)(Print)>(found)(print_to_log);
  }
  ::dlclose(loaded);  // Only our reference.
}

}  // namespace

void redirect_xdp_text() noexcept {
  set_print("libbpf.so.1", "libbpf_set_print");
  set_print("libxdp.so.1", "libxdp_set_print");
}

}  // namespace millrace::device

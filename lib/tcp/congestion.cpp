#include "tcp/congestion.hpp"

#include "tcp/congestion_impl.hpp"

namespace millrace::tcp {

template class BasicCongestion<Controllers>;

}  // namespace millrace::tcp

// The program as it ships; meson gives its `main` another name.
#include "../../apps/echo/main.cpp"

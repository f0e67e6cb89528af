#include <stdexcept>

extern "C" int new_thrower(int x);
extern "C" int new_relay(int (*callback)(int), int x);

extern "C" int new_thrower(int x)
{
  if (x < 0)
    throw std::runtime_error("new");
  return x + 100;
}

extern "C" int new_relay(int (*callback)(int), int x)
{
  try {
    return callback(x) + 100;
  } catch (const std::logic_error &) {
    throw; // on, through this frame and the tracked one
  }
}

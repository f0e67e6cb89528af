// Functions that several units may define, of which the linker keeps one; and virtual ones.
#include <stdexcept>
#include <string>
#include <vector>

template <class T> T twice(T x)
{
  return x + x;
}

inline int counted(int x)
{
  static int count;
  return count += x;
}

struct shape {
  virtual ~shape() {}
  virtual int area(int x)
  {
    if (x < 0)
      throw std::runtime_error("negative");
    return x;
  }
};

struct square : shape {
  int area(int x) override { return x * x; }
};

extern "C" int run(int x);
int run(int x)
{
  square s;
  shape *p = x > 100 ? new shape : &s;
  std::vector<int> v{x, counted(x)};
  try {
    return p->area(v[1]) + twice(v[0]);
  } catch (const std::exception &e) {
    return static_cast<int>(std::string(e.what()).size());
  }
}

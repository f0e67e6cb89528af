#include "classes.h"

int Top::own(int x)
{
  return x + top;
}
Top::~Top() {}
int Left::f(int x)
{
  return x + left;
}
int Left::l(int x)
{
  return x * left;
}
int Right::r(int x)
{
  return x * right;
}
int Both::f(int x)
{
  return x + left + right;
}
int Both::r(int x)
{
  return f(x) * 2;
}
int Both::own(int x)
{
  return Top::own(x) + 100;
}
Odd::Odd() : runtime_error("odd") {}

Both *make_both()
{
  return new Both;
}

void throw_odd(bool odd)
{
  if (odd)
    throw Odd();
  throw 7;
}

const std::type_info &type_of(const Top &top)
{
  return typeid(top);
}
Method which(bool first)
{
  return first ? &Both::f : &Both::r;
}

template <class T> T twice(T x)
{
  static T calls;
  calls += 1;
  return x * 2 + calls;
}
template int twice<int>(int);

int v2::named(int x)
{
  return x + 50;
}

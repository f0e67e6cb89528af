// Virtual bases, thunks, RTTI, member pointers, exceptions and templates, seen from both sides of a
// library.
#pragma once
#include <stdexcept>
#include <typeinfo>

struct Top {
  int top = 1;
  virtual int f(int) = 0;
  virtual int own(int);
  virtual ~Top();
};

struct Left : virtual Top {
  int left = 2;
  int f(int) override;
  virtual int l(int);
};

struct Right : virtual Top {
  int right = 3;
  virtual int r(int);
};

struct Both : Left, Right {
  int f(int) override;
  int r(int) override;
  int own(int) override;
};

struct Odd : std::runtime_error {
  Odd();
};

typedef int (Both::*Method)(int);

Both *make_both();
void throw_odd(bool odd);
const std::type_info &type_of(const Top &top);
Method which(bool first);
template <class T> T twice(T x);
extern template int twice<int>(int);
inline namespace v2
{
int named(int x);
}

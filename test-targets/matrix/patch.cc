// The same for the C++ half. A method's first argument is its object.
#include "classes.h"

extern "C" {
int new_shape_area(Shape *shape, int x);
int new_shape_label(Shape *shape, int x);
int new_square_area(Shape *shape, int x);
Shape *new_make_square(int side);
int new_throw_number(int x);
int new_catch_number(int (*callback)(int), int x);
}

int new_shape_area(Shape *, int x)
{
  return x + 1020;
}
int new_shape_label(Shape *, int x)
{
  return x + 1021;
}
int new_square_area(Shape *, int x)
{
  return x + 1022;
}

Shape *new_make_square(int side)
{
  return new Square(side + 1000);
}

int new_throw_number(int x)
{
  throw x + 1001;
}

int new_catch_number(int (*callback)(int), int x)
{
  try {
    return callback(x);
  } catch (int thrown) {
    return thrown + 1001;
  }
}

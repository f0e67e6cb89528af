#include "classes.h"

int Shape::area(int x)
{
  return x + 20;
}
int Shape::label(int x)
{
  return x + 21;
}
int Square::area(int x)
{
  return x + 22;
}

Shape *make_square(int side)
{
  return new Square(side);
}

int throw_number(int x)
{
  throw x + 1;
}

int catch_number(int (*callback)(int), int x)
{
  try {
    return callback(x);
  } catch (int thrown) {
    return thrown + 1;
  }
}

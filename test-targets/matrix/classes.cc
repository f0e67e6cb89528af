// The C++ half of the program: it derives from the library's classes and throws both ways.
#include "classes.h"
#include "program.h"

namespace
{

struct Mine : Shape {
  Mine() : Shape(1) {}
  int label(int x) override { return x + 50; }
};

int throws(int x)
{
  throw x;
}

} // namespace

extern "C" int throws_through(int (*call)(int (*)(int), int))
{
  try {
    call(throws, 41);
  } catch (int thrown) {
    return thrown == 41;
  }
  return 0;
}

extern "C" void class_facts(void)
{
  Mine mine;
  Shape *volatile shape = &mine; // through its vtable
  say("class.overridden", shape->label(1) == 51);
  Shape *volatile square = make_square(3);
  say("class.type", dynamic_cast<Square *>(square) != nullptr);
  delete static_cast<Square *>(+square);
}

extern "C" void class_answers(void)
{
  Mine mine;
  Shape *volatile shape = &mine; // through its vtable
  Shape *volatile square = make_square(3);
  say("Shape::area", shape->area(1));
  say("Shape::area.direct", mine.Shape::area(1));
  say("Shape::label", square->label(1));
  say("Square::area", square->area(1));
  say("make_square", square->side);
  delete static_cast<Square *>(+square);
  int seen = 0;
  try {
    throw_number(1);
  } catch (int thrown) {
    seen = thrown;
  }
  say("throw_number", seen);
  say("catch_number", catch_number(throws, 1));
}

// The C++ half of the library: vtables that the program builds upon, and exceptions in each
// direction.
#ifndef CLASSES_H
#define CLASSES_H

#define WITHOUT_CODE __attribute__((visibility("hidden"), always_inline)) inline

struct Shape {
  WITHOUT_CODE explicit Shape(int side_) : side(side_) {}
  virtual int area(int x);  // + 20
  virtual int label(int x); // + 21
  int side;
};

struct Square final : Shape {
  WITHOUT_CODE explicit Square(int side_) : Shape(side_) {}
  int area(int x) override; // + 22
};

Shape *make_square(int side);
// Throws x + 1.
int throw_number(int x);
// What the callback throws, + 1.
int catch_number(int (*callback)(int), int x);

#endif

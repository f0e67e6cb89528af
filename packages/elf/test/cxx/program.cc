#include <cstdio>
#include "classes.h"

struct Mine : Both {
  int l(int x) override { return Left::l(x) + 1000; }
};

static void say_caught(bool odd)
{
  try {
    throw_odd(odd);
  } catch (const Odd &caught) {
    printf("%s\n", caught.what());
  } catch (int caught) {
    printf("%d\n", caught);
  }
}

int main()
{
  Both *both = make_both();
  Top *top = both;
  Left *left = both;
  Right *right = both;
  printf("%d %d %d %d\n", both->f(10), top->f(10), left->f(10), right->f(10));
  printf("%d %d %d\n", left->l(10), right->r(10), top->own(10));
  printf("%d %d\n", typeid(*top) == typeid(Both), type_of(*top) == typeid(Both));
  printf("%d %d\n", dynamic_cast<Right *>(top) == right, dynamic_cast<Left *>(right) == left);
  printf("%d %d %d\n", (both->*which(true))(10), (both->*which(false))(10),
         which(true) == &Both::f);
  say_caught(false);
  say_caught(true);
  Mine mine;
  Left &mine_left = mine;
  printf("%d %d %d\n", mine_left.l(1), twice(4), named(1));
  delete top;
}

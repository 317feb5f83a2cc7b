#include "builtins.h"
#include "fail.h"
#include "scope.h"
#include "symbols.h"

static long first(Value *args, const char *who) { return argument(args, 0, NUMBER, who)->number; }

static long second(Value *args, const char *who) { return argument(args, 1, NUMBER, who)->number; }

static Value *truth(int value) { return value ? symbol("t") : &nil; }

static Value *add(Value *args) { return number(first(args, "+") + second(args, "+")); }

static Value *subtract(Value *args) { return number(first(args, "-") - second(args, "-")); }

static Value *multiply(Value *args) { return number(first(args, "*") * second(args, "*")); }

static Value *divide(Value *args) {
  if (second(args, "/") == 0) fail("division by zero", "/");
  return number(first(args, "/") / second(args, "/"));
}

static Value *modulo(Value *args) {
  if (second(args, "mod") == 0) fail("division by zero", "mod");
  return number(first(args, "mod") % second(args, "mod"));
}

static Value *less(Value *args) { return truth(first(args, "<") < second(args, "<")); }

static Value *equal(Value *args) { return truth(same(argument(args, 0, NIL, "="), argument(args, 1, NIL, "="))); }

void define_arithmetic(Value *scope) {
  static const struct {
    const char *name;
    Builtin function;
  } all[] = {{"+", add}, {"-", subtract}, {"*", multiply}, {"/", divide}, {"mod", modulo}, {"<", less}, {"=", equal}};
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++) define(scope, symbol(all[i].name), builtin(all[i].name, all[i].function));
  define(scope, symbol("t"), symbol("t"));
}

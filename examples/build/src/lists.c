#include "builtins.h"
#include "fail.h"
#include "printer.h"
#include "scope.h"
#include "symbols.h"

#include <stdio.h>

Value *argument(Value *args, int position, Kind kind, const char *who) {
  while (position-- > 0 && args->kind == PAIR) args = args->tail;
  if (args->kind != PAIR) fail("an argument is missing", who);
  if (kind != NIL && args->head->kind != kind) fail("an argument is of the wrong kind", who);
  return args->head;
}

static Value *join(Value *args) { return pair(argument(args, 0, NIL, "cons"), argument(args, 1, NIL, "cons")); }

static Value *head(Value *args) { return argument(args, 0, PAIR, "head")->head; }

static Value *tail(Value *args) { return argument(args, 0, PAIR, "tail")->tail; }

static Value *print(Value *args) {
  Value *value = argument(args, 0, NIL, "print");
  print_value(value);
  putchar('\n');
  return value;
}

void define_lists(Value *scope) {
  static const struct {
    const char *name;
    Builtin function;
  } all[] = {{"cons", join}, {"head", head}, {"tail", tail}, {"print", print}};
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++) define(scope, symbol(all[i].name), builtin(all[i].name, all[i].function));
}

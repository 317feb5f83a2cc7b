#include "value.h"
#include "fail.h"

#include <stdlib.h>

Value nil = {NIL, 0, "nil", 0, 0, 0, 0};

Value *allocate(Kind kind) {
  Value *value = calloc(1, sizeof *value);
  if (value == 0) fail("no memory is left", "");
  value->kind = kind;
  return value;
}

Value *number(long value) {
  Value *made = allocate(NUMBER);
  made->number = value;
  return made;
}

Value *pair(Value *head, Value *tail) {
  Value *made = allocate(PAIR);
  made->head = head;
  made->tail = tail;
  return made;
}

Value *lambda(Value *parameters, Value *body, Value *scope) {
  Value *made = allocate(LAMBDA);
  made->head = parameters;
  made->tail = body;
  made->scope = scope;
  return made;
}

Value *builtin(const char *name, Builtin function) {
  Value *made = allocate(BUILTIN);
  made->name = name;
  made->builtin = function;
  return made;
}

int is_true(const Value *value) { return value->kind != NIL; }

int same(const Value *a, const Value *b) {
  if (a->kind != b->kind) return 0;
  if (a->kind == NUMBER) return a->number == b->number;
  if (a->kind == PAIR) return same(a->head, b->head) && same(a->tail, b->tail);
  return a == b;
}

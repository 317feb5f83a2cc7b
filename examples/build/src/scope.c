#include "scope.h"
#include "fail.h"

Value *scope_in(Value *outer) { return pair(&nil, outer); }

void define(Value *scope, Value *symbol, Value *value) { scope->head = pair(pair(symbol, value), scope->head); }

Value *look_up(Value *scope, const Value *symbol) {
  for (; scope->kind == PAIR; scope = scope->tail)
    for (Value *each = scope->head; each->kind == PAIR; each = each->tail)
      if (each->head->head == symbol) return each->head->tail;
  fail("unknown name", symbol->name);
  return 0;
}

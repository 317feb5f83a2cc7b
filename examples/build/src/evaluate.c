#include "evaluate.h"
#include "fail.h"
#include "scope.h"
#include "symbols.h"

static Value *at(Value *list, int position) {
  while (position-- > 0 && list->kind == PAIR) list = list->tail;
  if (list->kind != PAIR) fail("a form is too short", "");
  return list->head;
}

static Value *evaluate_all(Value *list, Value *scope) {
  if (list->kind != PAIR) return &nil;
  Value *head = evaluate(list->head, scope);
  return pair(head, evaluate_all(list->tail, scope));
}

/* Binds the arguments, and gives the scope of the body. */
static Value *bind(Value *function, Value *args) {
  Value *scope = scope_in(function->scope);
  Value *names = function->head;
  for (; names->kind == PAIR && args->kind == PAIR; names = names->tail, args = args->tail) define(scope, names->head, args->head);
  if (names->kind == PAIR || args->kind == PAIR) fail("a function is called with the wrong number of arguments", "");
  return scope;
}

/* Loops where a call is the last thing that a function does, so that recursion of that kind needs no stack. */
Value *evaluate(Value *expression, Value *scope) {
  for (;;) {
    if (expression->kind == SYMBOL) return look_up(scope, expression);
    if (expression->kind != PAIR) return expression;
    Value *head = expression->head;
    if (head == symbol("quote")) return at(expression, 1);
    if (head == symbol("lambda")) return lambda(at(expression, 1), at(expression, 2), scope);
    if (head == symbol("define")) {
      define(scope, at(expression, 1), evaluate(at(expression, 2), scope));
      return &nil;
    }
    if (head == symbol("if")) {
      expression = at(expression, is_true(evaluate(at(expression, 1), scope)) ? 2 : 3);
      continue;
    }
    Value *function = evaluate(head, scope);
    Value *args = evaluate_all(expression->tail, scope);
    if (function->kind == BUILTIN) return function->builtin(args);
    if (function->kind != LAMBDA) fail("what is called is no function", "");
    expression = function->tail;
    scope = bind(function, args);
  }
}

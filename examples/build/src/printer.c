#include "printer.h"

#include <stdio.h>

static void print_list(const Value *list) {
  putchar('(');
  print_value(list->head);
  for (list = list->tail; list->kind == PAIR; list = list->tail) {
    putchar(' ');
    print_value(list->head);
  }
  if (list->kind != NIL) {
    fputs(" . ", stdout);
    print_value(list);
  }
  putchar(')');
}

void print_value(const Value *value) {
  switch (value->kind) {
    case NIL:
      fputs("nil", stdout);
      break;
    case NUMBER:
      printf("%ld", value->number);
      break;
    case SYMBOL:
      fputs(value->name, stdout);
      break;
    case PAIR:
      print_list(value);
      break;
    case BUILTIN:
      printf("<builtin %s>", value->name);
      break;
    case LAMBDA:
      fputs("<function>", stdout);
      break;
  }
}

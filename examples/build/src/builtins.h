#ifndef BUILTINS_H
#define BUILTINS_H
#include "value.h"

void define_arithmetic(Value *scope);
void define_lists(Value *scope);

/* The argument at a position, which must be of a kind; NIL = any. */
Value *argument(Value *args, int position, Kind kind, const char *who);

#endif

#ifndef SCOPE_H
#define SCOPE_H
#include "value.h"

/* A scope is a pair of a list of (symbol . value) and the scope around it, or nil. */
Value *scope_in(Value *outer);
void define(Value *scope, Value *symbol, Value *value);
Value *look_up(Value *scope, const Value *symbol);

#endif

#ifndef EVALUATE_H
#define EVALUATE_H
#include "value.h"

Value *evaluate(Value *expression, Value *scope);

#endif

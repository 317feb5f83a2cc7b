#ifndef PRINTER_H
#define PRINTER_H
#include "value.h"

void print_value(const Value *value);

#endif

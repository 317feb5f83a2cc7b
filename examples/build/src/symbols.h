#ifndef SYMBOLS_H
#define SYMBOLS_H
#include "value.h"

/* One value for each name, so that symbols can be compared by address. */
Value *symbol(const char *name);

#endif

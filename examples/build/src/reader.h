#ifndef READER_H
#define READER_H
#include "value.h"

/* Reads one value and moves `text` behind it. Returns 0 at the end. */
Value *read_value(const char **text);

#endif

#include "fail.h"

#include <stdio.h>
#include <stdlib.h>

void fail(const char *what, const char *where) {
  fprintf(stderr, "error: %s%s%s\n", what, *where ? ": " : "", where);
  exit(1);
}

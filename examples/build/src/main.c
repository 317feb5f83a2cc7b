/* Executes the program on standard input. */
#include "builtins.h"
#include "evaluate.h"
#include "fail.h"
#include "reader.h"
#include "scope.h"

#include <stdio.h>

enum { PROGRAM_MAX = 1 << 20 };

static char program[PROGRAM_MAX];

int main(void) {
  size_t length = fread(program, 1, PROGRAM_MAX, stdin);
  if (length == PROGRAM_MAX) fail("the program is too long", "");
  Value *scope = scope_in(&nil);
  define_arithmetic(scope);
  define_lists(scope);
  const char *text = program;
  for (Value *each = read_value(&text); each; each = read_value(&text)) evaluate(each, scope);
  return 0;
}

#include "symbols.h"
#include "fail.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 211 };

static Value *buckets[BUCKETS];

static unsigned hash(const char *name) {
  unsigned sum = 5381;
  while (*name) sum = sum * 33 + (unsigned char)*name++;
  return sum % BUCKETS;
}

Value *symbol(const char *name) {
  Value **bucket = &buckets[hash(name)];
  for (Value *each = *bucket; each; each = each->tail)
    if (strcmp(each->name, name) == 0) return each;
  char *copy = malloc(strlen(name) + 1);
  if (copy == 0) fail("no memory is left", "");
  strcpy(copy, name);
  Value *made = allocate(SYMBOL);
  made->name = copy;
  made->tail = *bucket;
  return *bucket = made;
}

#include "reader.h"
#include "fail.h"
#include "symbols.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 64 };

static void skip(const char **text) {
  for (;;) {
    while (isspace((unsigned char)**text)) ++*text;
    if (**text != ';') return;
    while (**text && **text != '\n') ++*text;
  }
}

static Value *read_list(const char **text) {
  skip(text);
  if (**text == 0) fail("a list does not end", "");
  if (**text == ')') {
    ++*text;
    return &nil;
  }
  Value *head = read_value(text);
  return pair(head, read_list(text));
}

static Value *read_word(const char **text) {
  char word[WORD_MAX];
  size_t length = strcspn(*text, " \t\r\n();'");
  if (length >= WORD_MAX) fail("a word is too long", "");
  memcpy(word, *text, length);
  word[length] = 0;
  *text += length;
  char *end;
  long value = strtol(word, &end, 10);
  if (*end == 0 && end != word) return number(value);
  return strcmp(word, "nil") == 0 ? &nil : symbol(word);
}

Value *read_value(const char **text) {
  skip(text);
  switch (**text) {
    case 0:
      return 0;
    case '(':
      ++*text;
      return read_list(text);
    case ')':
      fail("a ) that closes nothing", "");
      return 0;
    case '\'': {
      ++*text;
      Value *quoted = read_value(text);
      if (quoted == 0) fail("nothing follows a quote", "");
      return pair(symbol("quote"), pair(quoted, &nil));
    }
    default:
      return read_word(text);
  }
}

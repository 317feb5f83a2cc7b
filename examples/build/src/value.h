/* Values of the little language: numbers, symbols, pairs, functions. Nothing is freed: programs are short. */
#ifndef VALUE_H
#define VALUE_H

typedef enum { NIL, NUMBER, SYMBOL, PAIR, BUILTIN, LAMBDA } Kind;

typedef struct Value Value;
typedef Value *(*Builtin)(Value *args);

struct Value {
  Kind kind;
  long number;        /* NUMBER */
  const char *name;   /* SYMBOL, BUILTIN */
  Value *head, *tail; /* PAIR; of a LAMBDA its parameters and body */
  Value *scope;       /* LAMBDA: where it was made */
  Builtin builtin;    /* BUILTIN */
};

extern Value nil;

Value *number(long value);
Value *pair(Value *head, Value *tail);
Value *lambda(Value *parameters, Value *body, Value *scope);
Value *builtin(const char *name, Builtin function);
int is_true(const Value *value);
int same(const Value *a, const Value *b);
Value *allocate(Kind kind);

#endif

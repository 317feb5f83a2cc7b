#ifndef FAIL_H
#define FAIL_H

/* Says what is wrong and ends the program with 1. */
void fail(const char *what, const char *where);

#endif

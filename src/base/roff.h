/* Text of man pages, in the language of roff. */
#ifndef BASE_ROFF_H
#define BASE_ROFF_H

#include <stdio.h>

/* Writes text as lines of a paragraph and ends the last one. Characters that mean something to roff are
 * escaped, and `words` between backticks become bold. A sentence begins a new line, as mandoc asks for.
 * `text` is UTF-8. */
void roff_text(FILE *out, const char *text);

/* Writes text as part of a line: the argument of a macro. */
void roff_words(FILE *out, const char *text);

#endif

/* Marks what the library exports. Every exported name begins with ls_. */
#ifndef LOCKSTEP_EXPORT_H
#define LOCKSTEP_EXPORT_H

#if defined __GNUC__
#define LS_API __attribute__((visibility("default")))
#else
#define LS_API
#endif

#endif

/* The program that main calls. */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

/* Runs the command that the arguments name and returns the exit code of the process. */
int program_run(int argc, char **argv);

#endif

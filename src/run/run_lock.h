/* One owner per run. Two processes that write into one run directory would mix their checkpoints, so a start
 * takes the lock of its run first and keeps it until it ends.
 *
 * The lock of RUNS/NAME is the file RUNS/.NAME.lock. It is beside the directory, not in it, so it covers the
 * moments in which a new run moves the directory of an earlier one away and makes its own, and nothing can
 * rename it. It names its owner: host, process, job. A lock appears complete, by link(2), which is atomic on
 * NFS too.
 *
 * Whether an owner is alive: on the same machine the kernel knows. Elsewhere the lock's time tells, which its
 * owner renews every few seconds; it is compared with the time that the same file system gives to a file
 * written now, so clocks may differ. A job that SLURM has restarted knows that its predecessor is dead.
 *
 * A dead owner's lock with the id X is replaced only by the process that holds the lock .NAME.lock.after-X,
 * and only while the lock still has the id X. So of several processes that find the same dead owner one wins,
 * however late the others are. */
#ifndef RUN_RUN_LOCK_H
#define RUN_RUN_LOCK_H

#include "base/error.h"
#include "base/log.h"
#include "comm/world.h"

/* The owner of another host renews its lock every few seconds, and is dead when it has not done so for
 * RUN_LOCK_DEAD_SECONDS. */
enum { RUN_LOCK_RENEW_SECONDS = 5, RUN_LOCK_DEAD_SECONDS = 12 * RUN_LOCK_RENEW_SECONDS };

typedef struct run_lock run_lock_t;

/* Takes the lock of the run directory `run` (RUNS/NAME; RUNS is made if necessary). LS_FAILED, naming host,
 * process and job, while another process owns it. Waits up to `patience` seconds for a sign of life from an
 * owner on another machine. *out is caller-owned (run_lock_release). Not collective. */
ls_status run_lock_take(const char *run, double patience, const log_t *log, run_lock_t **out,
                        ls_error *error);

/* LS_FAILED when the lock is not ours any more: this process was stopped for so long that another one took it
 * for dead. To be called before anything is written. LS_OK for NULL. Not collective. */
ls_status run_lock_check(const run_lock_t *lock, ls_error *error);

/* Gives the lock back, and removes RUNS if run_lock_take made it and it is still empty. */
void run_lock_release(run_lock_t **lock);

/* Whether a process owns the run directory `run` now, for those who only look: waits for nothing and writes
 * nothing. An owner on another machine counts while its lock is younger than RUN_LOCK_DEAD_SECONDS by the
 * clock of this one. Writes the owner to `who` if there is one. Not collective. */
bool run_lock_is_held(const char *run, char *who, size_t size);

/* The same as run_lock_take for all ranks: rank 0 takes the lock, and all learn how that went. *out stays
 * NULL on the other ranks. Collective. */
ls_status run_lock_share(world_t *world, const char *run, const log_t *log, run_lock_t **out,
                         ls_error *error);

/* Whether this rank sees the run directory `run` of rank 0: the lock beside it has the same owner. `lock` is
 * that of rank 0, and NULL on the others. Collective. */
ls_status run_lock_is_seen(world_t *world, const char *run, const run_lock_t *lock, bool *seen,
                           ls_error *error);

#endif

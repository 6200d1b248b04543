/* The functions that civetweb.o calls in place of the system's (platform/civetweb.def); nobody
 * else does. Those that wait or wake are in civetweb_seam.c, the others in civetweb_calls.c. */
#ifndef PLATFORM_CIVETWEB_SEAM_H
#define PLATFORM_CIVETWEB_SEAM_H

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

/* For tests, before the server starts. */
struct seam_options {
    bool strict;             /* abort when civetweb calls what it should never call */
    unsigned heads_per_slot; /* how many requests civetweb believes come on one connection */
};
extern struct seam_options seam_options;

/* sockets */
int seam_accept(int fd, struct sockaddr *addr, socklen_t *n);
int seam_bind(int fd, const struct sockaddr *addr, socklen_t n);
int seam_close(int fd);
int seam_fcntl(int fd, int command, ...);
int seam_fcntl64(int fd, int command, ...);
int seam_getnameinfo(const struct sockaddr *addr, socklen_t n, char *host, socklen_t host_n,
                     char *service, socklen_t service_n, int flags);
int seam_getsockname(int fd, struct sockaddr *addr, socklen_t *n);
int seam_getsockopt(int fd, int level, int name, void *value, const socklen_t *n);
int seam_listen(int fd, int backlog);
int seam_poll(struct pollfd *fds, nfds_t n, int ms);
ssize_t seam_recv(int fd, void *buf, size_t n, int flags);
ssize_t seam_send(int fd, const void *buf, size_t n, int flags);
int seam_setsockopt(int fd, int level, int name, const void *value, socklen_t n);
int seam_shutdown(int fd, int how);
int seam_socket(int domain, int type, int protocol);

/* threads */
int seam_prctl(int option, ...);
int seam_pthread_attr_destroy(pthread_attr_t *attr);
int seam_pthread_attr_init(pthread_attr_t *attr);
int seam_pthread_attr_setdetachstate(pthread_attr_t *attr, int state);
int seam_pthread_cond_broadcast(pthread_cond_t *c);
int seam_pthread_cond_destroy(pthread_cond_t *c);
int seam_pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *attr);
int seam_pthread_cond_signal(pthread_cond_t *c);
int seam_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *mutex);
int seam_pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
void *seam_pthread_getspecific(pthread_key_t key);
int seam_pthread_join(pthread_t id, void **result);
int seam_pthread_key_create(pthread_key_t *key, void (*destroy)(void *));
int seam_pthread_key_delete(pthread_key_t key);
int seam_pthread_mutex_destroy(pthread_mutex_t *m);
int seam_pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *attr);
int seam_pthread_mutex_lock(pthread_mutex_t *mutex);
int seam_pthread_mutex_unlock(pthread_mutex_t *mutex);
int seam_pthread_mutexattr_destroy(pthread_mutexattr_t *attr);
int seam_pthread_mutexattr_init(pthread_mutexattr_t *attr);
int seam_pthread_mutexattr_settype(pthread_mutexattr_t *attr, int type);
pthread_t seam_pthread_self(void);
int seam_pthread_setname_np(pthread_t id, const char *name);
int seam_pthread_setspecific(pthread_key_t key, const void *value);
int seam_sigaction(int signal, const struct sigaction *action, struct sigaction *old);
unsigned seam_sleep(unsigned seconds);
int seam_usleep(useconds_t us);

/* memory */
void *seam_calloc(size_t count, size_t size);
void seam_free(void *p);
void *seam_malloc(size_t n);
void *seam_realloc(void *p, size_t n);
/* Ours: give the calling thread's free lists back. */
void seam_free_pieces(void);

#endif

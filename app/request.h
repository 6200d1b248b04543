/* The life of a request: probe, program, API and operation, key, policies, answer, log. */
#ifndef APP_REQUEST_H
#define APP_REQUEST_H

#include "platform/conn.h"

/* The handler of the API ports (http_port.handler). */
void request_handle(struct conn *c, void *arg);
/* What the listener answers itself: bad heads and overload (http_server_options.refuse). */
void request_refuse(struct conn *c, int status, const char *why, void *arg);

/* The probe's path (interface.md section 3). */
#define STATUS_PATH "/status-0123456789abcdef"

#endif

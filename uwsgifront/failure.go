package uwsgifront

import (
	"context"
	"errors"
	"log/slog"

	"penknife/gateway"
)

// logFailure writes the one line about a request that ended in an error page or was cut. What refuse has answered is
// logged there, with the throttle for peers that send nonsense. A client that left is no news, so the goroutine that
// calls answer is not held up by the log.
func (c *conn) logFailure(err error) {
	var refused *refusal
	if errors.As(err, &refused) {
		return
	}
	level := slog.LevelWarn
	kind := gateway.KindOf(err)
	switch status := kind.Status(); {
	case kind == gateway.KindClientGone, kind == gateway.KindForbidden, kind == gateway.KindTooManyRequests:
		level = slog.LevelDebug // of the last two, who refuses has said as much as is good for the log
	case status >= 400 && status < 500:
		level = slog.LevelInfo
	}
	c.srv.log.Log(context.Background(), level, "request failed", "request", c.req.ID, "kind", kind.String(), "error", err,
		"request_id", string(c.req.RequestID), "client", string(c.req.RemoteAddr), "method", string(c.req.Method), "target", string(c.req.Target))
}

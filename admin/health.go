package admin

import (
	"io"
	"net/http"

	"penknife/gateway"
)

// Engine is what the trace of a request for public health says.
const Engine = "health"

// Health answers requests for two paths by itself and passes all others on: the health checks of load balancers that
// reach only the public listeners. It asks neither the application nor the queue, so it answers while every worker is
// busy.
type Health struct {
	Livez, Readyz string       // paths; empty: none
	Ready         func() error // as in Deps
	Next          gateway.Handler
}

var _ gateway.Handler = (*Health)(nil)

// Serve answers, or passes on. The body of a request, if there is any, is left to the front end.
func (h *Health) Serve(r *gateway.Request) (*gateway.Response, error) {
	if len(r.Path) == 0 || string(r.Path) != h.Livez && string(r.Path) != h.Readyz || !reads(r.Method) {
		return h.Next.Serve(r)
	}
	r.Trace.Engine = Engine
	if string(r.Path) == h.Livez {
		return healthPage(http.StatusOK, "alive"), nil
	}
	if err := h.Ready(); err != nil {
		return healthPage(http.StatusServiceUnavailable, err.Error()), nil
	}
	return healthPage(http.StatusOK, "ready"), nil
}

func reads(method []byte) bool {
	return string(method) == http.MethodGet || string(method) == http.MethodHead
}

// healthFields are the header of every such answer.
const healthFields = "Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n"

func healthPage(status int, text string) *gateway.Response {
	text += "\n"
	return &gateway.Response{
		Status: status, Reason: []byte(http.StatusText(status)), Fields: []byte(healthFields),
		Length: int64(len(text)), Whole: []byte(text), Body: noBody{},
	}
}

// noBody is the body of an answer that is whole.
type noBody struct{}

// Read is at the end.
func (noBody) Read([]byte) (int, error) { return 0, io.EOF }

// CloseWithError has nothing to release.
func (noBody) CloseWithError(error) {}

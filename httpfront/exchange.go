package httpfront

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/valyala/fasthttp"

	"penknife/gateway"
)

// exchange is one request and its answer.
type exchange struct {
	req      gateway.Request
	body     body
	began    time.Time
	answer   gateway.Body // the response's body until it is closed
	status   int          // what was sent, 0 before
	sent     int64        // bytes of the answer's body
	headSent bool
	closes   bool // the connection ends with this answer
	cut      bool // the answer is incomplete, and only a reset can say so
}

// unknownMethod stands for the method of a request that could not be read.
var unknownMethod = []byte("-")

// begin starts the exchange for c.head.
func (c *conn) begin() {
	h := &c.head
	c.exchange = exchange{body: c.body, began: c.began, closes: !h.persists()}
	c.req.ID, c.req.Front, c.req.Start = c.srv.nextID(), gateway.FrontHTTP, c.began
	c.req.Body, c.req.Client = c.body.start(h), c
	switch {
	case h.chunked:
		c.req.ContentLength = -1
	case h.length > 0:
		c.req.ContentLength = h.length
	}
}

// handle is called by fasthttp for each head that conn.Read gave it. The request itself is in the conn; fasthttp's is
// ignored.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	c := ctx.Conn().(*conn)
	c.handed = false
	err := c.serve()
	c.settle()
	c.observe(err)
	if c.closes {
		ctx.SetConnectionClose()
	}
}

// handleEngineError is called when fasthttp sees an error where we see the end of the connection. No client waits for
// an answer then, unless fasthttp could not parse engineHead, which would be a fault of ours.
func (s *Server) handleEngineError(ctx *fasthttp.RequestCtx, err error) {
	c := ctx.Conn().(*conn)
	if !c.handed {
		return
	}
	c.handed, c.closes = false, true
	failure := &gateway.Error{Kind: gateway.KindInternal, Reason: "fasthttp does not read its head", Err: err}
	c.answerError(failure)
	c.observe(failure)
}

// serve gets the answer and sends it. It returns why the client got an error page, or not the whole answer.
func (c *conn) serve() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = c.panicked(p)
		}
	}()
	resp, err := c.srv.handler.Serve(&c.req)
	if err == nil && (resp == nil || resp.Body == nil) {
		err = errNoResponse
	}
	if err != nil {
		c.answerError(err)
		return err
	}
	c.answer = resp.Body
	err = c.respond(resp)
	c.closeAnswer(err)
	return err
}

var errNoResponse = errors.New("httpfront: the handler gave no response")

// closeAnswer closes the response's body, once.
func (c *conn) closeAnswer(err error) {
	if body := c.answer; body != nil {
		c.answer = nil
		body.CloseWithError(err)
	}
}

func (c *conn) panicked(p any) error {
	c.srv.log.Error("panic in a handler", "request", c.req.ID, "request_id", string(c.req.RequestID), "panic", p, "stack", string(debug.Stack()))
	err := gateway.Errorf(gateway.KindInternal, "panic: %v", p)
	if c.headSent {
		c.closes, c.cut = true, true
	} else {
		c.answerError(err)
	}
	c.closeAnswer(err)
	return err
}

// answerError sends the page for err, or decides to close without one.
func (c *conn) answerError(err error) {
	page, ok := gateway.PageFor(err)
	c.closes = c.closes || page.Close || !ok || c.mustClose()
	if !ok {
		return
	}
	c.out = c.srv.appendPage(c.out[:0], page, c.connectionLine(), c.req.RequestID)
	content := 0
	if string(c.req.Method) != "HEAD" {
		c.out = append(c.out, page.Text...)
		content = len(page.Text)
	}
	c.headSent, c.now = true, time.Now()
	c.beforeLast()
	if c.write(c.out) != nil {
		c.closes = true
		return
	}
	c.status = page.Status
	c.sent = int64(content)
}

// mustClose tells whether the connection cannot go on after this exchange, whatever client and application want.
func (c *conn) mustClose() bool {
	return c.srv.reached(phaseParting) || !c.body.keeps()
}

// settle brings the connection to the start of the next request, or decides that there will be none.
func (c *conn) settle() {
	if !c.closes && !c.body.drain() {
		c.closes = true
	}
	c.linger = c.closes && (!c.body.done || c.head.persists()) // who expects to go on may be about to ask for more
}

// refuse answers a request whose head was turned down. Nothing after the head is looked at.
func (c *conn) refuse(r *refusal) error {
	c.srv.counter.ProtocolError(r.reason)
	if c.req.Vars == nil {
		c.nameRefused()
	}
	c.body.done, c.body.err, c.closes, c.linger = false, io.ErrUnexpectedEOF, true, true
	c.answerError(r.err)
	c.observe(r.err)
	return r.err
}

// nameRefused tells the observer as much as is known of a request that has no variables.
func (c *conn) nameRefused() {
	method, target := c.head.method, c.head.target
	if len(method) == 0 {
		method = unknownMethod
	}
	c.vars = append(append(c.vars[:0], method...), target...)
	at := len(c.vars)
	c.vars = c.srv.ids.Append(c.vars, c.req.ID)
	c.req.Method, c.req.Target, c.req.RequestID = c.vars[:len(method):len(method)], c.vars[len(method):at:at], c.vars[at:]
	c.req.Trusted = c.peer.trusted
	c.req.RemoteAddr = []byte(c.peer.remoteAddr)
}

// observe tells everybody who wants to know that the request is over, and logs how it failed.
func (c *conn) observe(err error) {
	if err != nil {
		c.logFailure(err)
	}
	if c.srv.observer == nil {
		return
	}
	outcome := gateway.Outcome{Status: c.status, Sent: c.sent, Total: time.Since(c.began), Err: err}
	if c.status != 0 {
		outcome.Head = c.out
	}
	c.srv.observer.RequestDone(&c.req, outcome)
}

func (c *conn) logFailure(err error) {
	level := slog.LevelWarn
	kind := gateway.KindOf(err)
	status := kind.Status()
	switch {
	case kind == gateway.KindClientGone, kind == gateway.KindForbidden, kind == gateway.KindTooManyRequests:
		level = slog.LevelDebug // of the last two, who refuses has said as much as is good for the log
	case status >= 400 && status < 500, kind == gateway.KindVersion, kind == gateway.KindUnsupported:
		level = slog.LevelInfo // the client's doing
	}
	c.srv.log.Log(context.Background(), level, "request failed", "request", c.req.ID, "kind", kind.String(), "error", err,
		"request_id", string(c.req.RequestID), "client", c.peer.text, "method", string(c.req.Method), "target", string(c.req.Target))
}

package uwsgifront

import (
	"errors"

	"penknife/gateway"
	"penknife/uwsgiproto"
)

// refusal is a reason to turn a request down: what the client gets, and the label it is counted by.
type refusal struct {
	reason string
	err    *gateway.Error
}

// Error makes a refusal travel as an error.
func (r *refusal) Error() string { return r.err.Error() }

// Unwrap gives what the client gets.
func (r *refusal) Unwrap() error { return r.err }

func newRefusal(reason string, kind gateway.Kind, text string) *refusal {
	return &refusal{reason, &gateway.Error{Kind: kind, Reason: text, Public: true}}
}

// The refusals. They are shared and never changed.
var (
	refuseHTTP = newRefusal("http", gateway.KindBadRequest,
		"this port speaks the uwsgi protocol, not HTTP: use uwsgi_pass (nginx) or the http listener")
	refuseTLS = newRefusal("tls", gateway.KindBadRequest,
		"this port speaks the uwsgi protocol without TLS: use uwsgi_pass (nginx) with a plain address")
	refuseModifier = newRefusal("modifier", gateway.KindUnsupported,
		"only the modifiers 0 and 30 (requests) and 100 (ping) of the uwsgi protocol are spoken here")
	refuseEmpty      = newRefusal("empty", gateway.KindBadRequest, "the packet has no variables")
	refuseMethod     = newRefusal("method", gateway.KindBadRequest, "the packet has no REQUEST_METHOD (include uwsgi_params)")
	refuseOddMethod  = newRefusal("method", gateway.KindBadRequest, "REQUEST_METHOD is not a token (RFC 9110 section 9.1)")
	refuseHost       = newRefusal("host", gateway.KindBadRequest, "HTTP_HOST is there twice, with two hosts: leave one out (RFC 9112 section 3.2)")
	refuseLength     = newRefusal("content_length", gateway.KindBadRequest, "CONTENT_LENGTH is not a number")
	refuseLargeBlock = newRefusal("large_block", gateway.KindHeadTooLarge, "the variables are too large (limits.header_block)")
	refuseManyVars   = newRefusal("many_vars", gateway.KindHeadTooLarge, "there are too many variables (limits.header_count)")
	refuseSlowHead   = newRefusal("slow_head", gateway.KindBodyTimeout, "the packet took too long to arrive (limits.header_timeout)")
	refuseCutHead    = newRefusal("cut_head", gateway.KindBadRequest, "the packet ends too early")
	refuseLargeBody  = newRefusal("large_body", gateway.KindBodyTooLarge, "the request body is too large (limits.body)")
	refuseSlowBody   = newRefusal("slow_body", gateway.KindBodyTimeout, "the request body took too long to arrive (limits.body_timeout, limits.body_min_rate)")
	refuseCutBody    = newRefusal("cut_body", gateway.KindBadRequest, "the request body ends too early")
)

// refusalOf turns a problem of the codec into a refusal that names the byte.
func refusalOf(err error) *refusal {
	var problem *uwsgiproto.Error
	if !errors.As(err, &problem) {
		return newRefusal("packet", gateway.KindBadRequest, "malformed packet")
	}
	if problem.Problem == uwsgiproto.ProblemTooManyVars {
		return refuseManyVars
	}
	return newRefusal(problem.Problem.String(), gateway.KindBadRequest, problem.Error())
}

// refuse answers instead of the handler, and then reads what the peer still has to say, so that no reset eats the
// answer. It runs in a goroutine of its own and ends the connection.
func (c *conn) refuse(r *refusal) {
	defer c.finish()
	c.srv.counter.ProtocolError(r.reason)
	if gateway.KindOf(r.err) != gateway.KindBodyTooLarge {
		c.srv.warn("request refused", "request", c.req.ID, "reason", r.reason, "detail", r.err.Reason, "request_id", string(c.req.RequestID), "client", string(c.req.RemoteAddr))
	}
	if c.req.RequestID == nil {
		c.vars = c.srv.ids.Append(c.vars[:0], c.req.ID)
		c.req.RequestID = c.vars
	}
	err := c.writePage(r)
	c.report(r)
	if err == nil {
		c.linger()
	}
}

// warn logs, unless there was too much of it lately.
func (s *Server) warn(message string, args ...any) { s.throttle.Warn(s.log, message, args...) }

package encryption

import (
	"io"
	"strings"

	"penknife/certs/orders"
	"penknife/configs"
	"penknife/gateway"
)

// challengeEngine is what the trace of an authority's request says.
const challengeEngine = "acme"

// challenges answers an authority that wants to see over plain HTTP that a name leads here. What it does not know goes on
// to the application.
type challenges struct {
	tls  *TLS
	next gateway.Handler
}

// AnswerChallenges gives a handler that answers the authority and passes everything else on to next. It is next itself where
// nothing is ordered over HTTP.
func (t *TLS) AnswerChallenges(next gateway.Handler) gateway.Handler {
	cfg := t.loaded.Config
	if !ordersCertificates(cfg) || cfg.ACME.Challenge != configs.ChallengeHTTP {
		return next
	}
	return &challenges{t, next}
}

// Serve implements gateway.Handler.
func (c *challenges) Serve(r *gateway.Request) (*gateway.Response, error) {
	path := string(r.Path)
	if !strings.HasPrefix(path, orders.AnswerPrefix) {
		return c.next.Serve(r)
	}
	text := c.tls.manager.Answer(path)
	if text == nil {
		return c.next.Serve(r)
	}
	r.Trace.Engine = challengeEngine
	return &gateway.Response{
		Status: 200, Reason: []byte("OK"), Fields: []byte("Content-Type: application/octet-stream\r\n"),
		Length: int64(len(text)), Whole: text, Body: nothingElse{},
	}, nil
}

// nothingElse is the body of an answer that is whole.
type nothingElse struct{}

// Read is at the end.
func (nothingElse) Read([]byte) (int, error) { return 0, io.EOF }

// CloseWithError has nothing to release.
func (nothingElse) CloseWithError(error) {}

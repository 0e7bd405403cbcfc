package httpfront

import (
	"testing"
)

func TestSmoke(t *testing.T) {
	f := startFront(t, echo, options{})
	c := f.dial(t)
	c.send("GET /a?b HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
	t.Log(c.response())
	t.Log(c.response())
	c.send("POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	t.Log(c.response())
	t.Log(c.head())
	t.Log(c.rest())
}

// Command floor answers as bench/apps/plain.py does, from a bare fasthttp handler: what is left of a request when
// there is no Python in it. It runs until it is killed.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"

	"github.com/valyala/fasthttp"
)

const maxUpload = 64 << 20

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: floor HOST:PORT")
		os.Exit(2)
	}
	server := &fasthttp.Server{Handler: newHandler(), MaxRequestBodySize: maxUpload}
	if err := server.ListenAndServe(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

// newHandler makes the bodies once, as the application does at import.
func newHandler() fasthttp.RequestHandler {
	var alphabet []byte
	for c := byte(32); c < 96; c++ {
		alphabet = append(alphabet, c)
	}
	bodies := map[string][]byte{
		"/hello": []byte("Hello, World!\n"),
		"/1k":    bytes.Repeat(alphabet, 16),
		"/10k":   bytes.Repeat(alphabet, 160),
		"/1m":    bytes.Repeat(alphabet, 16384),
	}
	return func(ctx *fasthttp.RequestCtx) {
		ctx.SetContentType("text/plain")
		switch path := string(ctx.Path()); path {
		case "/1k": // with the fields of a cached answer: the same bytes
			ctx.Response.Header.Set("Cache-Control", "max-age=3600")
			ctx.Response.Header.Set("Age", "7")
			ctx.Response.Header.Set("Cache-Status", "penknife; hit; ttl=3593")
			ctx.SetBody(bodies[path])
		case "/upload":
			ctx.SetBodyString(strconv.Itoa(len(ctx.PostBody())) + "\n")
		case "/digest":
			sum := sha256.Sum256(ctx.PostBody())
			ctx.SetBodyString(hex.EncodeToString(sum[:]) + "\n")
		default:
			body, ok := bodies[path]
			if !ok {
				ctx.SetStatusCode(fasthttp.StatusNotFound)
				return
			}
			ctx.SetBody(body)
		}
	}
}

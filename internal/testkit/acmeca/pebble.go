// Package acmeca runs Pebble, Let's Encrypt's test server for ACME clients, inside of a test. It rejects good nonces now and
// then, answers asynchronously and reuses authorizations, so that clients which are careless fail.
//
// Goroutines: the directory's and the name server's, which end with the test, and Pebble's own, which do not; Leaks tells
// goleak of them.
package acmeca

import (
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"testing"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"penknife/internal/testkit"
)

// Pebble is a running authority for which every name leads to 127.0.0.1.
type Pebble struct {
	Directory string // its URL
	RootFile  string // PEM file: what its directory is checked against
	Issuer    string // PEM: the root of its certificates
}

// Ports say where it looks for challenges.
type Ports struct{ HTTP, TLS int }

// Start runs Pebble until the test ends. Certificates are valid for so many seconds; 0: as long as usual.
func Start(t *testing.T, ports Ports, validity uint64) *Pebble {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	authority := ca.New(quiet, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "-", ValidityPeriod: validity}})
	validator := va.New(quiet, ports.HTTP, ports.TLS, true, nameServer(t), store)
	front := wfe.New(quiet, store, validator, authority, []string{"pebble.example"}, true, false, 1, 1)
	server := httptest.NewTLSServer(front.Handler())
	t.Cleanup(server.Close)
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	return &Pebble{
		Directory: server.URL + wfe.DirectoryPath, Issuer: string(authority.GetRootCert(0).PEM()),
		RootFile: testkit.Write(t, testkit.Dir(t), "directory.pem", string(root)),
	}
}

// nameServer answers every question with 127.0.0.1.
func nameServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
		answer := new(dns.Msg)
		answer.SetReply(question)
		for _, q := range question.Question {
			if q.Qtype == dns.TypeA {
				header := dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET}
				answer.Answer = append(answer.Answer, &dns.A{Hdr: header, A: net.IPv4(127, 0, 0, 1)})
			}
		}
		_ = w.WriteMsg(answer)
	})}
	done := make(chan struct{})
	go func() { // ended by the Shutdown below
		defer close(done)
		_ = server.ActivateAndServe()
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener.Addr().String()
}

// Leaks are the goroutines that Pebble cannot stop.
func Leaks() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("github.com/letsencrypt/pebble/v2/va.(*VAImpl).processTasks"),
		goleak.IgnoreAnyFunction("github.com/letsencrypt/pebble/v2/va.VAImpl.processTasks"),
	}
}

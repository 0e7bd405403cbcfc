package e2e

import (
	"fmt"
	"testing"

	"penknife/internal/testkit"
)

// TestClaimsCostNoMemory: a thousand connections that announce variables of 64 KiB, and a thousand that announce bodies
// of 1 GiB, and then say nothing, may cost what connections cost, and nothing of what they announced.
func TestClaimsCostNoMemory(t *testing.T) {
	s := serve(t, "probe:application", testkit.Options{Config: "limits: {body: 1GiB, header_timeout: 60s}\n"})
	claims := map[string]string{
		"nothing": string(testkit.UwsgiPacket(0, 0, make([]byte, 100)))[:5],
		"block":   "\x00\xff\xff\x00\x0e",
		"body":    string(testkit.UwsgiPacket(0, 0, append(pair("REQUEST_METHOD", "POST"), pair("CONTENT_LENGTH", "1000000000")...))),
	}
	cost := map[string]int64{}
	for _, name := range []string{"nothing", "block", "body"} {
		for _, uwsgi := range []testkit.Client{testkit.UwsgiClient(s.UwsgiTCP), testkit.UwsgiClient(s.Uwsgi)} {
			cost[name] += holdClaims(t, s, uwsgi, claims[name])
		}
	}
	t.Logf("KiB for 1,000 connections: %v", cost)
	for name, kib := range cost {
		if kib > 32<<10 { // claims of 64 KiB would be 64 MiB
			t.Errorf("%s: %d KiB more for 1,000 connections", name, kib)
		}
	}
}

// holdClaims gives by how many KiB the server grows while 500 connections that sent the same bytes are open.
func holdClaims(t *testing.T, s *testkit.Server, c testkit.Client, wire string) int64 {
	const connections = 500
	before := testkit.RSS(t, s.PID())
	descriptors := testkit.Descriptors(t, s.PID())
	var open []*testkit.Exchange
	for range connections {
		exchange, err := c.Dial()
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, exchange)
		if _, err = exchange.Write([]byte(wire)); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Eventually(t, callTimeout, func() error {
		if n := testkit.Descriptors(t, s.PID()) - descriptors; n < connections-20 { // some that were open before may have gone
			return fmt.Errorf("%d connections", n)
		}
		return nil
	})
	testkit.UwsgiClient(s.Uwsgi).Get(t, "/")
	after := testkit.RSS(t, s.PID())
	for _, exchange := range open {
		_ = exchange.Close()
	}
	testkit.Eventually(t, callTimeout, func() error {
		if n := testkit.Descriptors(t, s.PID()) - descriptors; n > 20 {
			return fmt.Errorf("%d connections are still there", n)
		}
		return nil
	})
	return max(after-before, 0) >> 10
}

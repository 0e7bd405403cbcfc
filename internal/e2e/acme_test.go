package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
	"penknife/internal/testkit/acmeca"
)

// portOf gives the port of "HOST:PORT".
func portOf(t testing.TB, address string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	port, bad := strconv.Atoi(text)
	if err != nil || bad != nil {
		t.Fatal(err, bad)
	}
	return port
}

// TestACME: the built binary gets certificates from Pebble, which looks at its listeners, by both challenges and through the
// uwsgi protocol too; after a restart they are there without an order.
func TestACME(t *testing.T) {
	for _, test := range []struct{ name, challenge string }{{"tls-alpn-01", "tls-alpn-01"}, {"http-01", "http-01"}, {"http-01 behind nginx", "http-01"}} {
		t.Run(test.name, func(t *testing.T) {
			encrypted, plain := testkit.FreeAddress(t), testkit.FreeAddress(t)
			ports := acmeca.Ports{TLS: portOf(t, encrypted), HTTP: portOf(t, plain)}
			options := testkit.Options{Flags: []string{"--http", encrypted, "--http", plain}}
			uwsgi := filepath.Join(testkit.Dir(t), "nginx.sock")
			if strings.HasSuffix(test.name, "nginx") {
				nginx := testkit.NginxPass(t, uwsgi, "")
				ports.HTTP = portOf(t, nginx.Address)
				options.Flags = append(options.Flags, "--uwsgi", "unix:"+uwsgi)
			}
			pebble := acmeca.Start(t, ports, 0)
			storage := filepath.Join(testkit.Dir(t), "acme")
			options.Config = fmt.Sprintf("http:\n- {listen: %q, tls: {acme: true}}\n- {listen: %q}\nacme: {domains: [app.example.org, www.example.org], "+
				"directory: %q, root_ca: %q, storage: %q, challenge: %s, email: ops@example.org}\n",
				encrypted, plain, pebble.Directory, pebble.RootFile, storage, test.challenge)
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM([]byte(pebble.Issuer))
			ask := func() {
				t.Helper()
				for _, name := range []string{"app.example.org", "www.example.org"} {
					client := testkit.HTTPSClient(encrypted, &tls.Config{RootCAs: roots, ServerName: name})
					testkit.Eventually(t, 60*time.Second, func() error {
						answer, err := client.Try(testkit.Call{})
						if err == nil && answer.Status != 200 {
							err = errNotYet
						}
						return err
					})
				}
			}
			s := serve(t, "hello:application", options)
			ask()
			if code := s.Terminate(t, testkit.Grace); code != 0 {
				t.Errorf("exit code %d", code)
			}
			again := serve(t, "hello:application", options)
			ask()
			if strings.Contains(again.Output(), "certificate is ordered") {
				t.Error("ordered again after a restart")
			}
			if strings.Contains(s.Output()+again.Output(), "certificate order failed") {
				t.Error("an order failed")
			}
		})
	}
}

package e2e

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// https is a server that has a listener with TLS beside its other ones.
type https struct {
	address   string
	authority *testkit.Authority
	issued    *testkit.Issued
	options   testkit.Options
}

// newHTTPS makes options for one; extra are further keys of the tls section, rest is more of the configuration.
func newHTTPS(t testing.TB, extra, rest string) *https {
	t.Helper()
	h := &https{address: testkit.FreeAddress(t), authority: testkit.NewAuthority(t, "penknife e2e")}
	h.issued = h.authority.Issue(t, "app.example.org", nil)
	h.options.Flags = []string{"--http", h.address}
	h.options.Config = fmt.Sprintf("http:\n- listen: %q\n  tls: {certificate: %q, key: %q%s}\n%s", h.address, h.issued.CertFile,
		h.issued.KeyFile, strings.ReplaceAll(extra, "CLIENTCA", h.authority.File), rest)
	return h
}

func (h *https) url() string {
	_, port, _ := net.SplitHostPort(h.address)
	return "https://localhost:" + port
}

// config is for clients that trust the authority.
func (h *https) config() *tls.Config {
	return &tls.Config{RootCAs: h.authority.Pool, ServerName: "localhost"}
}

func (h *https) client() testkit.Client { return testkit.HTTPSClient(h.address, h.config()) }

// opensslClient sends a text by `openssl s_client` and gives what it prints.
func (h *https) opensslClient(t testing.TB, text string, arguments ...string) (string, error) {
	t.Helper()
	command := exec.Command("openssl", append([]string{
		"s_client", "-connect", h.address, "-CAfile", h.authority.File, "-verify_return_error", "-quiet", "-servername", "localhost",
	}, arguments...)...)
	command.Stdin = strings.NewReader(text)
	timer := time.AfterFunc(20*time.Second, func() { _ = command.Process.Kill() })
	defer timer.Stop()
	out, err := command.CombinedOutput()
	return string(out), err
}

const closingGet = "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"

// httpsScript is Python's own client at work.
const httpsScript = `
import hashlib, http.client, json, ssl, sys, urllib.request
host, port, authority = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
context.set_alpn_protocols(["http/1.1"])
connection = http.client.HTTPSConnection(host, int(port), timeout=20, context=context)
body = bytes(range(256)) * 4096
for chunked in (False, True):
    connection.request("POST", "/up", body=iter([body[:1000], body[1000:]]) if chunked else body, encode_chunked=chunked)
    answer = json.load(connection.getresponse())
    assert answer["sha256"] == hashlib.sha256(body).hexdigest(), answer
    assert answer["environ"]["wsgi.url_scheme"] == "https" and answer["environ"]["HTTPS"] == "on", answer
assert connection.sock.selected_alpn_protocol() == "http/1.1" and connection.sock.version() == "TLSv1.3"
with urllib.request.urlopen("https://%s:%s/x" % (host, port), context=context) as answer:
    assert json.load(answer)["environ"]["PATH_INFO"] == "/x"
try:
    urllib.request.urlopen("https://%s:%s/" % (host, port), context=ssl.create_default_context())
    raise SystemExit("a stranger's certificate is trusted")
except urllib.error.URLError as error:
    assert "certificate verify failed" in str(error), error
print("fine")
`

// TestHTTPS_Clients: curl, openssl, Python and a browser, as they come.
func TestHTTPS_Clients(t *testing.T) {
	h := newHTTPS(t, "", "")
	s := serve(t, "probe:validated", h.options)
	_, port, _ := net.SplitHostPort(h.address)
	t.Run("curl", func(t *testing.T) {
		out := curl(t, "--cacert", h.authority.File, "-o", "/dev/null", "-o", "/dev/null", "-w", "%{num_connects} %{http_code} %{http_version};",
			h.url()+"/1", h.url()+"/2")
		if out != "1 200 1.1;0 200 1.1;" {
			t.Error(out)
		}
		upload := testkit.Write(t, testkit.Dir(t), "upload", string(pattern(3<<20)))
		sum := sha256.Sum256(pattern(3 << 20))
		for _, arguments := range [][]string{{}, {"-H", "Transfer-Encoding: chunked"}, {"--http1.0"}, {"--tls-max", "1.2"}} {
			out := curl(t, append([]string{"--cacert", h.authority.File, "--data-binary", "@" + upload, h.url() + "/up"}, arguments...)...)
			if !strings.Contains(out, hex.EncodeToString(sum[:])) {
				t.Errorf("%v: %s", arguments, testkit.Tail(out, 500))
			}
		}
		if out := curl(t, "http://"+h.address+"/"); !strings.Contains(out, "this port speaks HTTPS") {
			t.Error(out)
		}
	})
	t.Run("openssl", func(t *testing.T) {
		for _, version := range []string{"-tls1_2", "-tls1_3"} {
			if out, err := h.opensslClient(t, closingGet, version, "-ign_eof"); err != nil || !strings.Contains(out, "HTTP/1.1 200 OK") {
				t.Errorf("%s: %v\n%s", version, err, out)
			}
		}
		if out, err := h.opensslClient(t, closingGet, "-tls1_1", "-cipher", "ALL@SECLEVEL=0"); err == nil {
			t.Errorf("TLS 1.1: %s", out)
		}
		if out, err := h.opensslClient(t, closingGet, "-alpn", "h2", "-ign_eof"); err == nil || !strings.Contains(out, "no application protocol") {
			t.Errorf("HTTP/2 alone: %v\n%s", err, out)
		}
	})
	t.Run("python", func(t *testing.T) {
		out, err := exec.Command(testkit.DefaultPython(t), "-c", httpsScript, "localhost", port, h.authority.File).CombinedOutput()
		if err != nil || string(out) != "fine\n" {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("chromium", func(t *testing.T) {
		spki, err := exec.Command("sh", "-c", "openssl x509 -pubkey -noout -in "+h.issued.CertFile+
			" | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | openssl base64").Output()
		if err != nil {
			t.Fatal(err)
		}
		viewed := testkit.Chromium(t, h.url()+"/page", time.Second, "--ignore-certificate-errors-spki-list="+strings.TrimSpace(string(spki)))
		if !strings.Contains(viewed.DOM, `"PATH_INFO": "/page"`) || !strings.Contains(viewed.DOM, `"HTTPS": "on"`) {
			t.Error(viewed.DOM)
		}
	})
	t.Run("tls to the plain port", func(t *testing.T) {
		if _, err := testkit.HTTPSClient(s.HTTP, h.config()).Try(testkit.Call{}); err == nil {
			t.Error("it answers")
		}
		testkit.Eventually(t, callTimeout, func() error {
			if !strings.Contains(s.Output(), "TLS on a port that speaks plain HTTP") {
				return errNotYet
			}
			return nil
		})
	})
}

// TestHTTPS_Files: large static files come whole although the kernel cannot copy them.
func TestHTTPS_Files(t *testing.T) {
	root := testkit.Dir(t)
	content := pattern(20 << 20)
	testkit.Write(t, root, "large", string(content))
	h := newHTTPS(t, "", "static: [{url: /static/, root: "+root+"}]\n")
	serve(t, "probe:application", h.options)
	answer := h.client().Do(t, testkit.Call{Target: "/static/large"})
	if answer.Status != 200 || sha256.Sum256(answer.Body) != sha256.Sum256(content) {
		t.Errorf("%d, %d bytes", answer.Status, len(answer.Body))
	}
	part := h.client().Do(t, testkit.Call{Target: "/static/large", Headers: []string{"Range: bytes=1000000-9999999"}})
	if part.Status != 206 || sha256.Sum256(part.Body) != sha256.Sum256(content[1000000:10000000]) {
		t.Errorf("%d, %d bytes", part.Status, len(part.Body))
	}
}

// TestHTTPS_ClientCertificates: what the application sees, and who is not let in.
func TestHTTPS_ClientCertificates(t *testing.T) {
	h := newHTTPS(t, ", client_ca: CLIENTCA, client_auth: required", "")
	s := serve(t, "probe:validated", h.options)
	alice := h.authority.Issue(t, "alice", nil)
	out := curl(t, "--cacert", h.authority.File, "--cert", alice.CertFile, "--key", alice.KeyFile, "-H", "SSL-CLIENT-S-DN: CN=root", h.url()+"/")
	for _, want := range []string{`"SSL_CLIENT_VERIFY": "SUCCESS"`, `"SSL_CLIENT_S_DN": "CN=alice"`, `"SSL_CLIENT_CERT": "-----BEGIN CERTIFICATE-----\n`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in %s", want, out)
		}
	}
	mallory := testkit.NewAuthority(t, "mallory").Issue(t, "alice", nil)
	for name, arguments := range map[string][]string{"none": {}, "of another authority": {"--cert", mallory.CertFile, "--key", mallory.KeyFile}} {
		command := exec.Command("curl", append([]string{"-sS", "--max-time", "20", "--cacert", h.authority.File, h.url() + "/"}, arguments...)...)
		if out, err := command.CombinedOutput(); err == nil || !strings.Contains(string(out), "alert") {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
	testkit.Eventually(t, callTimeout, func() error {
		if !strings.Contains(s.Output(), "reason=client_certificate") {
			return errNotYet
		}
		return nil
	})
}

// TestHTTPS_Renewal: while clients ask, the certificate is renewed, then broken, then mended. Nobody notices but who looks at
// the certificate, the log and the metrics.
func TestHTTPS_Renewal(t *testing.T) {
	admin := testkit.FreeAddress(t)
	h := newHTTPS(t, "", "admin: {listen: '"+admin+"'}\n")
	h.options.Errors = append([]string{"new certificate files cannot be used; the certificates before them stay in force"}, aFailedReload...)
	v := serveVersioned(t, h.options)
	l := &load{stop: make(chan struct{})}
	l.run(t, "kept", (&keepAlive{client: h.client(), request: plainGet}).ask)
	l.run(t, "fresh", func() error {
		answer, err := h.client().Try(testkit.Call{})
		return errors.Join(err, versionIn(answer))
	})
	dir := filepath.Dir(h.issued.CertFile)
	await := func(name string) {
		t.Helper()
		testkit.Eventually(t, callTimeout, func() error {
			session, err := tls.Dial("tcp", h.address, h.config())
			if err != nil {
				return err
			}
			defer func() { _ = session.Close() }()
			if got := session.ConnectionState().PeerCertificates[0].Subject.CommonName; got != name {
				return fmt.Errorf("%s is shown, not %s", got, name)
			}
			return nil
		})
	}
	h.authority.IssueInto(t, dir, "second.example.org", nil)
	await("second.example.org")
	if err := os.WriteFile(h.issued.KeyFile, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, callTimeout, func() error {
		if !strings.Contains(scrape(t, admin), "\npenknife_tls_certificate_files_unusable 1\n") {
			return errNotYet
		}
		return nil
	})
	if code, output := v.command(t, "status"); code != 0 || !strings.Contains(output, "certificates "+h.issued.CertFile+", until ") ||
		!strings.Contains(output, "cannot be used") {
		t.Errorf("status: %d\n%s", code, output)
	}
	if code, output := v.command(t, "reload"); code != 2 || !strings.Contains(output, h.issued.KeyFile) {
		t.Errorf("reload: %d\n%s", code, output)
	}
	await("second.example.org")
	h.authority.IssueInto(t, dir, "third.example.org", nil)
	await("third.example.org")
	v.reload(t)
	close(l.stop)
	l.clients.Wait()
	text := scrape(t, admin)
	for _, want := range []string{
		`penknife_tls_certificate_expiry_timestamp_seconds{certificate="` + h.issued.CertFile + `"} 1.`, "\npenknife_tls_certificate_files_unusable 0\n",
		`penknife_tls_certificate_loads_total{result="failure"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, regexp.MustCompile(`(?m)^penknife_tls.*$`).FindAllString(text, -1))
		}
	}
	if n := strings.Count(v.Output(), "new certificate files cannot be used"); n != 1 {
		t.Errorf("%d lines about the broken key", n)
	}
}

// TestHTTPS_Upgrade: under load over TLS, kept and fresh connections, two upgrades lose no request, and clients resume their
// sessions with the new process.
func TestHTTPS_Upgrade(t *testing.T) {
	h := newHTTPS(t, "", "workers: {grace_period: 10s}\n")
	h.options.Processes, h.options.Threads = 2, 2
	v := serveUpgradable(t, h.options)
	l := &load{stop: make(chan struct{})}
	for range 2 {
		l.run(t, "kept", (&keepAlive{client: h.client(), request: plainGet}).ask)
	}
	l.run(t, "fresh", func() error {
		answer, err := h.client().Try(testkit.Call{})
		return errors.Join(err, versionIn(answer))
	})
	config := h.config()
	config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	resumes := func() bool {
		t.Helper()
		session, err := tls.Dial("tcp", h.address, config)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = session.Close() }()
		if _, err := session.Write([]byte(closingGet)); err != nil {
			t.Fatal(err)
		}
		if _, err := session.Read(make([]byte, 1)); err != nil { // the tickets come before the answer
			t.Fatal(err)
		}
		return session.ConnectionState().DidResume
	}
	resumes()
	if !resumes() {
		t.Error("no session is resumed at all")
	}
	for range 2 {
		pid := v.status(t).PID
		if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		testkit.Eventually(t, callTimeout, func() error {
			if v.status(t).PID == pid {
				return errNotYet
			}
			return nil
		})
		v.CheckNobodyLeft(t, nil)
		if !resumes() {
			t.Error("the new process does not know the session")
		}
	}
	close(l.stop)
	l.clients.Wait()
	t.Logf("%d requests", l.asked.Load())
}

// TestHTTPS_ReloadOfKeys: a reload takes over what is said about clients; turning TLS off waits for a restart.
func TestHTTPS_ReloadOfKeys(t *testing.T) {
	h := newHTTPS(t, "", "")
	v := serveVersioned(t, h.options)
	h.client().Do(t, testkit.Call{})
	with := strings.Replace(h.options.Config, "key:", "client_ca: "+h.authority.File+", client_auth: required, key:", 1)
	testkit.Write(t, v.Dir, "penknife.yaml", with)
	v.reload(t)
	if _, err := h.client().Try(testkit.Call{}); err == nil {
		t.Error("no certificate of a client is needed")
	}
	testkit.Write(t, v.Dir, "penknife.yaml", "http: [{listen: '"+h.address+"'}]\n")
	if code, output := v.command(t, "reload"); code != 0 || !strings.Contains(output, "http") {
		t.Errorf("%d\n%s", code, output)
	}
	if !strings.Contains(v.Output(), "wait for a restart") {
		t.Error("nothing is said about the restart")
	}
}

// TestHTTPS_Check: what is wrong with files is found before anything starts, and what is odd is said.
func TestHTTPS_Check(t *testing.T) {
	h := newHTTPS(t, "", "app: {wsgi: 'a:b'}\n")
	config := testkit.Write(t, testkit.Dir(t), "penknife.yaml", h.options.Config)
	if code, output := testkit.Run(t, callTimeout, "check", "--config", config); code != 0 || strings.Contains(output, "warning") {
		t.Errorf("%d\n%s", code, output)
	}
	if err := os.Chmod(h.issued.KeyFile, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, output := testkit.Run(t, callTimeout, "check", "--config", config); code != 0 || !strings.Contains(output, "warning: "+h.issued.KeyFile) {
		t.Errorf("%d\n%s", code, output)
	}
	other := h.authority.Issue(t, "x", nil)
	if err := os.Rename(other.KeyFile, h.issued.KeyFile); err != nil {
		t.Fatal(err)
	}
	if code, output := testkit.Run(t, callTimeout, "check", "--config", config); code != 2 || !strings.Contains(output, "penknife.yaml:3: http[0].tls.certificate: "+h.issued.CertFile) {
		t.Errorf("%d\n%s", code, output)
	}
}

// TestHTTPS_KeyOfRoot: a key that process.user could not read again ends the start, with what to do.
func TestHTTPS_KeyOfRoot(t *testing.T) {
	uid, _ := servant(t)
	authority := testkit.NewAuthority(t, "x")
	issued := authority.Issue(t, "x", nil) // of root, mode 0600
	dir := testkit.Dir(t)
	testkit.Write(t, dir, "selfapp.py", selfApp)
	address := lowAddress(t)
	config := testkit.Write(t, dir, "penknife.yaml", fmt.Sprintf("app: {wsgi: 'selfapp:application', chdir: %q, python: /usr/bin/python3}\n"+
		"process: {user: nobody}\ncontrol: {listen: 'off'}\nhttp: [{listen: %q, tls: {certificate: %q, key: %q}}]\n", dir, address, issued.CertFile, issued.KeyFile))
	if code, output := testkit.Run(t, callTimeout, "serve", "--config", config); code != 2 || !strings.Contains(output, "process.user: give that user") {
		t.Errorf("%d\n%s", code, output)
	}
	for _, file := range []string{issued.CertFile, issued.KeyFile} {
		if err := os.Chown(file, uid, -1); err != nil {
			t.Fatal(err)
		}
	}
	p := testkit.Start(t, dir, nil, testkit.Binary(t), "serve", "--config", config)
	client := testkit.HTTPSClient(address, &tls.Config{RootCAs: authority.Pool, ServerName: "localhost"})
	testkit.Eventually(t, 30*time.Second, func() error {
		answer, err := client.Try(testkit.Call{})
		if err == nil && answer.Status != 200 {
			err = errNotYet
		}
		return err
	})
	p.Signal(t, syscall.SIGTERM)
	if code := p.Wait(t, testkit.Grace); code != 0 {
		t.Errorf("exit code %d\n%s", code, p.Output())
	}
}

// TestHTTPS_BehindAProxyProtocol: its header comes before TLS.
func TestHTTPS_BehindAProxyProtocol(t *testing.T) {
	h := newHTTPS(t, "", "")
	h.options.Config = strings.Replace(h.options.Config, "  tls:", "  proxy_protocol: true\n  proxy_protocol_from: [127.0.0.1]\n  tls:", 1)
	serve(t, "probe:application", h.options)
	nc, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = nc.Close() }()
	_ = nc.SetDeadline(time.Now().Add(callTimeout))
	if _, err := nc.Write([]byte("PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n")); err != nil {
		t.Fatal(err)
	}
	session := tls.Client(nc, h.config())
	if _, err := session.Write([]byte(closingGet)); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 1<<16)
	total := 0
	for {
		n, err := session.Read(text[total:])
		total += n
		if err != nil {
			break
		}
	}
	for _, want := range []string{`"REMOTE_ADDR": "192.0.2.7"`, `"HTTPS": "on"`, `"SSL_PROTOCOL": "TLSv1.3"`, `"SERVER_PORT": "443"`} {
		if !strings.Contains(string(text[:total]), want) {
			t.Errorf("no %s in %s", want, text[:total])
		}
	}
}

package uwsgifront

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"penknife/gateway"
	"penknife/internal/testkit"
)

// behindNginx answers by path.
func behindNginx(r *gateway.Request) (*gateway.Response, error) {
	switch string(r.Path) {
	case "/echo":
		return whole(200, "Content-Type: text/plain\r\n", fmt.Sprintf("%s %s %s %s", r.Method, r.Target, r.Query, r.Scheme)), nil
	case "/sum":
		if r.Body == nil {
			return whole(200, "", "none"), nil
		}
		sum := sha256.New()
		n, err := io.Copy(sum, r.Body)
		if err != nil {
			return nil, err
		}
		return whole(200, "", fmt.Sprintf("%d %x", n, sum.Sum(nil))), nil
	case "/vars":
		return whole(200, "", fmt.Sprint(len(r.Vars))), nil
	case "/stream":
		return &gateway.Response{Status: 200, Length: -1, Body: &fakeBody{Reader: strings.NewReader(strings.Repeat("s", 1<<20))}}, nil
	case "/cut":
		cut := failing{gateway.Errorf(gateway.KindAppCut, "raised")}
		return &gateway.Response{Status: 200, Length: 1000,
			Body: &fakeBody{Reader: io.MultiReader(strings.NewReader("half"), cut)}}, nil
	case "/cut-endless":
		cut := failing{gateway.Errorf(gateway.KindAppCut, "raised")}
		return &gateway.Response{Status: 200, Length: -1,
			Body: &fakeBody{Reader: io.MultiReader(strings.NewReader("half"), cut)}}, nil
	}
	return nil, gateway.Errorf(gateway.KindOverloaded, "full")
}

// viaNginx runs a test behind a real nginx, over both networks, with answers that come as the engine's do.
func viaNginx(t *testing.T, extra string, test func(t *testing.T, base string, f *front)) {
	for network, listen := range networks(t) {
		t.Run(network, func(t *testing.T) {
			limits := testLimits()
			limits.Body = 8 << 20
			f := start(t, listen, limits, inMode(modeLater, behindNginx))
			nginx := testkit.NginxPass(t, f.addr.Address, extra)
			test(t, "http://"+nginx.Address, f)
			http.DefaultClient.CloseIdleConnections()
		})
	}
}

func fetch(t *testing.T, method, url, body string) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

func TestBehindNginx(t *testing.T) {
	viaNginx(t, "", func(t *testing.T, base string, f *front) {
		if _, got, _ := fetch(t, "GET", base+"/echo?a=%20b", ""); got != "GET /echo?a=%20b a=%20b http" {
			t.Errorf("%q", got)
		}
		if resp, got, _ := fetch(t, "HEAD", base+"/echo", ""); got != "" || resp.ContentLength != 16 {
			t.Errorf("HEAD: %d, %q", resp.ContentLength, got)
		}
		if _, got, err := fetch(t, "GET", base+"/stream", ""); len(got) != 1<<20 || err != nil {
			t.Errorf("stream: %d bytes, %v", len(got), err)
		}
		if resp, got, _ := fetch(t, "GET", base+"/other", ""); resp.StatusCode != 503 || !strings.HasPrefix(got, "503 ") {
			t.Errorf("%d %q", resp.StatusCode, got)
		}
		if _, got, err := fetch(t, "GET", base+"/cut", ""); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut: %q, %v", got, err)
		}
		if !f.addr.IsUnix() {
			if _, got, err := fetch(t, "GET", base+"/cut-endless", ""); err == nil {
				t.Errorf("cut without length: %q looks complete", got)
			}
		}
		if resp, _, _ := fetch(t, "PUT", base+"/sum", strings.Repeat("x", 9<<20)); resp.StatusCode != 413 {
			t.Errorf("over the limit: %d", resp.StatusCode)
		}
	})
}

func TestUploadsBehindNginx(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 1<<18)
	want := fmt.Sprintf("%d %x", len(body), sha256.Sum256([]byte(body)))
	for _, buffering := range []string{"on", "off"} {
		viaNginx(t, "uwsgi_request_buffering "+buffering+";", func(t *testing.T, base string, _ *front) {
			if _, got, err := fetch(t, "POST", base+"/sum", body); got != want || err != nil {
				t.Errorf("buffering %s: %q, %v", buffering, got, err)
			}
		})
	}
}

func TestLongHeadersBehindNginx(t *testing.T) {
	viaNginx(t, "", func(t *testing.T, base string, _ *front) {
		req, err := http.NewRequest("GET", base+"/vars", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Long", strings.Repeat("x", 60<<10))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var n int
		if _, err := fmt.Fscan(resp.Body, &n); err != nil || n < 60<<10 {
			t.Errorf("%d bytes of variables, %v, %d", n, err, resp.StatusCode)
		}
	})
}

// TestManyBehindNginx: every answer belongs to its request, with connection objects reused all the time.
func TestManyBehindNginx(t *testing.T) {
	viaNginx(t, "", func(t *testing.T, base string, _ *front) {
		var clients sync.WaitGroup
		for i := range 8 {
			clients.Go(func() { // ends after its requests
				for j := range 50 {
					query := fmt.Sprintf("%d-%d", i, j)
					if _, got, err := fetch(t, "GET", base+"/echo?"+query, ""); got != "GET /echo?"+query+" "+query+" http" || err != nil {
						t.Errorf("%s: %q, %v", query, got, err)
					}
				}
			})
		}
		clients.Wait()
	})
}

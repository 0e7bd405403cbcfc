package configs

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"
)

func TestControlSocket(t *testing.T) {
	session := []string{"XDG_RUNTIME_DIR=/run/user/7"}
	alone := filepath.Join(os.TempDir(), "penknife-"+strconv.Itoa(os.Geteuid()))
	if os.Geteuid() == 0 {
		alone = "/run/penknife"
	}
	for _, test := range []struct {
		control string
		uwsgi   string
		http    string
		environ []string
		want    string
	}{
		{"unix:/run/x/c.sock", "unix:/run/x/u.sock", "", session, "/run/x/c.sock"},
		{"unix:@c", "", ":1", session, "@c"},
		{"off", "unix:/run/x/u.sock", "", session, ""},
		{"", "unix:/run/x/u.sock", "unix:/run/x/h.sock", session, "/run/x/u.sock.control"},
		{"", ":3031", "unix:/run/x/h.sock", session, "/run/x/h.sock.control"},
		{"", ":3031", "127.0.0.1:8000", session, "/run/user/7/penknife/127.0.0.1-3031.control"},
		{"", "unix:@u", "[::1]:8000", session, "/run/user/7/penknife/unix-u.control"},
		{"", "", ":8000", nil, alone + "/127.0.0.1-8000.control"},
		{"", "", ":8000", []string{"XDG_RUNTIME_DIR=relative"}, alone + "/127.0.0.1-8000.control"},
		{"", "", "", nil, ""},
	} {
		c := Config{Control: Control{Listen: test.control}}
		if test.uwsgi != "" {
			c.Uwsgi = []Uwsgi{{Listen: test.uwsgi}}
		}
		if test.http != "" {
			c.HTTP = []HTTP{{Listen: test.http}}
		}
		if got := c.ControlSocket(test.environ); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

func TestChanged(t *testing.T) {
	a, b := Default(), Default()
	if got := Changed(a, b); len(got) != 0 {
		t.Errorf("nothing differs: %v", got)
	}
	b.App.Env = map[string]string{"A": "1"}
	b.HTTP = []HTTP{{Listen: ":1", TrustedProxies: []string{"::1"}}}
	b.Workers.GracePeriod = time.Minute
	b.Log.Level = "debug"
	if got := Changed(a, b); !slices.Equal(got, []string{"app.env", "http", "workers.grace_period", "log.level"}) {
		t.Errorf("got %v", got)
	}
}

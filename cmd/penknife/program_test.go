package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"penknife/configs"
	"penknife/server"
)

// outcome is what a command line did.
type outcome struct {
	code           int
	stdout, stderr string
	served         *server.Options // nil: nothing was served
}

// execute runs a command line in a directory of its own; files are "name", "text" in turn.
func execute(t *testing.T, arguments []string, environ []string, serveErr error, files ...string) outcome {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	var o outcome
	var stdout, stderr bytes.Buffer
	p := program{
		environ: environ, stdout: &stdout, stderr: &stderr, version: "1.2.3",
		serve: func(_ context.Context, options server.Options) error {
			o.served = &options
			return serveErr
		},
	}
	o.code = p.run(t.Context(), arguments)
	o.stdout, o.stderr = stdout.String(), stderr.String()
	return o
}

func words(line string) []string { return strings.Fields(line) }

func TestServeTakesEveryFlagOfTheContract(t *testing.T) {
	o := execute(t, words("serve mysite.wsgi:application --config other.yaml --http :8001 --http unix:@h --uwsgi unix:/run/a.sock "+
		"--uwsgi 127.0.0.1:3031 --processes 3 --threads 2 --chdir / --python /usr/bin/python3 --admin 127.0.0.1:9191"),
		nil, nil, "other.yaml", "workers: {queue: 77}")
	if o.code != 0 || o.served == nil {
		t.Fatalf("exit %d: %s", o.code, o.stderr)
	}
	c := o.served.Loaded.Config
	if c.App.WSGI != "mysite.wsgi:application" || c.App.Chdir != "/" || c.App.Python != "/usr/bin/python3" {
		t.Errorf("app %+v", c.App)
	}
	if len(c.HTTP) != 2 || c.HTTP[1].Listen != "unix:@h" || len(c.Uwsgi) != 2 || c.Uwsgi[0].Listen != "unix:/run/a.sock" {
		t.Errorf("http %+v, uwsgi %+v", c.HTTP, c.Uwsgi)
	}
	if c.Workers.Processes != configs.FixedProcesses(3) || c.Workers.Threads != 2 || c.Workers.Queue != 77 || c.Admin.Listen != "127.0.0.1:9191" {
		t.Errorf("workers %+v, admin %+v", c.Workers, c.Admin)
	}
	if o.served.Version != "1.2.3" {
		t.Errorf("version %q", o.served.Version)
	}
}

func TestServeWithNothingButAnApplication(t *testing.T) {
	o := execute(t, words("serve app:application"), nil, nil)
	if o.code != 0 || len(o.served.Loaded.Config.HTTP) != 1 || o.served.Loaded.Config.HTTP[0].Listen != "127.0.0.1:8000" {
		t.Errorf("exit %d, %+v", o.code, o.served)
	}
	o = execute(t, words("serve app:application"), []string{"PORT=5000"}, nil)
	if o.code != 0 || o.served.Loaded.Config.HTTP[0].Listen != "0.0.0.0:5000" {
		t.Errorf("exit %d, %+v", o.code, o.served)
	}
	o = execute(t, words("serve app --uwsgi :3031"), nil, nil)
	if o.code != 0 || len(o.served.Loaded.Config.HTTP) != 0 {
		t.Errorf("exit %d, %+v", o.code, o.served)
	}
}

func TestFurtherFlags(t *testing.T) {
	o := execute(t, words("serve app --preload=false --log-level=debug --log-format json --access-log combined "+
		"--request-timeout 5s --grace-period 7s --max-body 2GiB"), nil, nil)
	if o.code != 0 {
		t.Fatalf("exit %d: %s", o.code, o.stderr)
	}
	c := o.served.Loaded.Config
	want := configs.Default().Log
	want.Level, want.Format, want.Access = "debug", "json", "combined"
	if c.App.Preload || c.Log != want ||
		c.Workers.RequestTimeout != 5*time.Second || c.Workers.GracePeriod != 7*time.Second || c.Limits.Body != 2<<30 {
		t.Errorf("%+v", c)
	}
	if o := execute(t, words("serve app --preload"), nil, nil); o.code != 0 || !o.served.Loaded.Config.App.Preload {
		t.Errorf("--preload alone: exit %d", o.code)
	}
}

func TestStaticFlagKeepsWhatTheFileSays(t *testing.T) {
	o := execute(t, words("serve app --static /a/=. --static /b=penknife.yaml"), nil, nil, "penknife.yaml",
		"static: [{url: /a/, root: /none/such, fallthrough: true, index: []}, {url: /c/, root: /tmp}]\n")
	if o.code != 0 {
		t.Fatalf("exit %d: %s", o.code, o.stderr)
	}
	second := configs.DefaultStatic()
	second.URL, second.Root = "/b", "penknife.yaml"
	first := configs.DefaultStatic()
	first.URL, first.Root, first.Fallthrough, first.Index = "/a/", ".", true, nil
	if got := o.served.Loaded.Config.Static; !reflect.DeepEqual(got, []configs.Static{first, second}) {
		t.Errorf("%+v", got)
	}
}

func TestCommandLinesThatAreRefused(t *testing.T) {
	tests := []struct{ line, want string }{
		{"serve app --procesess 2", "there is no flag --procesess; did you mean --processes?"},
		{"serve app --static /static/", `--static: static: "/static/" is not URL=DIRECTORY`},
		{"serve app --static /static/=/none/such", "--static: static[0].root: stat /none/such: no such file or directory"},
		{"serve app --cache 1k", `--cache: cache.size: "1k"`},
		{"serve app -x", "there is no flag -x; see penknife serve --help"},
		{"serve app -w 4", "there is no flag -w; here it is --processes"},
		{"serve app --bind :80", "there is no flag --bind; here it is --http"},
		{"serve --module app", "here it is an argument: penknife serve mysite.wsgi:application"},
		{"serve app --harakiri 30", "here it is --request-timeout"},
		{"serve app --timeout 30", "here it is --request-timeout"},
		{"serve app --post-buffering 1", "here it is limits.body_memory in penknife.yaml"},
		{"version --bind :80", "see penknife version --help"},
		{"start", `"start" is no command; did you mean serve?`},
		{"restart", `"restart" is no command; did you mean reload or upgrade?`},
		{"serve app --http", "flag needs an argument: --http"},
		{"serve app other", "takes one application, got 2 arguments: app other"},
		{"serve app --threads many --queue 0", `--threads: workers.threads: "many" is not a whole number`},
		{"serve app --threads many --queue 0", `--queue: workers.queue: 0 is out of range: 1 to 65536`},
		{"serve", "no application is named"},
		{"serve app --config none.yaml", "none.yaml: cannot be read: no such file or directory"},
		{"serv app", `"serv" is no command; did you mean serve?`},
		{"mysite.wsgi:application", `did you mean penknife serve mysite.wsgi:application?`},
		{"mysite.wsgi:application --http :8000", "penknife: --http is a flag of penknife serve"},
		{"--processes 2", "penknife: --processes is a flag of penknife serve"},
		{"--speed 2", "penknife: there is no flag --speed; see penknife --help"},
		{"cache purge --al", "penknife cache purge: there is no flag --al; did you mean --all?"},
		{"help stat", `"stat" is no command; did you mean status?`},
		{"help cache purg", `"purg" is no command; did you mean purge?`},
		{"scale -1", "there is no flag -1; write -- before it: penknife scale -- -1"},
		{"scale -12", "there is no flag -12; write -- before it: penknife scale -- -12"},
		{"promote", `"promote" is no command; see penknife --help`},
		{"reload --contrl unix:/x", "did you mean --control?"},
		{"explain workers.thread", "did you mean workers.threads?"},
		{"check", "no application is named"},
		{"serve app --uwsgi 0.0.0.0:3031", "--uwsgi: uwsgi[0].listen: 0.0.0.0:3031 is public"},
	}
	for _, test := range tests {
		o := execute(t, words(test.line), nil, nil)
		if o.code != exitConfig || !strings.Contains(o.stderr, test.want) || o.served != nil || o.stdout != "" {
			t.Errorf("%s: exit %d, stdout %q, stderr:\n%swant %q", test.line, o.code, o.stdout, o.stderr, test.want)
		}
	}
}

// TestCompletion offers what can follow, as shells ask for it.
func TestCompletion(t *testing.T) {
	for line, want := range map[string]string{
		"explain workers.th":   "workers.threads\n",
		"explain http.t":       "http.trusted_proxies\n",
		"serve --log-level ":   "debug\ninfo\nwarn\nerror\n",
		"check app --scaling ": "busyness\nqueue\nmanual\n",
		"scale ":               "auto\n",
	} {
		o := execute(t, append([]string{"__complete"}, strings.Split(line, " ")...), nil, nil)
		if o.code != 0 || !strings.HasPrefix(o.stdout, want) {
			t.Errorf("%q: exit %d, %q, want %q", line, o.code, o.stdout, want)
		}
	}
}

func TestEveryProblemWithItsLine(t *testing.T) {
	o := execute(t, words("serve --threads 0"), nil, nil, "penknife.yaml", "app: {wsgy: a}\nlog: {level: 1}\n")
	want := []string{"penknife.yaml:1: app.wsgy: no such key; did you mean \"wsgi\"?", "penknife.yaml:2: log.level:",
		"--threads: workers.threads: 0 is out of range", "app.wsgi: no application"}
	for _, w := range want {
		if !strings.Contains(o.stderr, w) {
			t.Errorf("%q is not in\n%s", w, o.stderr)
		}
	}
	if o.code != exitConfig || strings.Count(o.stderr, "\n") != len(want) {
		t.Errorf("exit %d:\n%s", o.code, o.stderr)
	}
}

func TestExitCodes(t *testing.T) {
	problem := &configs.Problems{List: []configs.Problem{{Key: "uwsgi[0].owner", Text: "no such user"}}}
	app := &server.AppError{Reason: "the application cannot be imported", Traceback: "Traceback (most recent call last):\n  …\n"}
	tests := []struct {
		err  error
		code int
		want string
	}{
		{nil, 0, ""},
		{problem, 2, "uwsgi[0].owner: no such user\n"},
		{app, 3, "Traceback (most recent call last):\n  …\npenknife: the application cannot be imported\n"},
		{errors.New("address already in use"), 1, "penknife: address already in use\n"},
	}
	for _, test := range tests {
		o := execute(t, words("serve app"), nil, test.err)
		if o.code != test.code || o.stderr != test.want {
			t.Errorf("%v: exit %d, stderr %q", test.err, o.code, o.stderr)
		}
	}
}

func TestCheckAndExplainAndVersion(t *testing.T) {
	file := []string{"penknife.yaml", "app: {wsgi: a:app}\nworkers: {threads: 4}\n"}
	tests := []struct{ line, want string }{
		{"check", "the configuration is good (penknife.yaml)\n"},
		{"check b:app --config penknife.yaml", "is good"},
		{"explain workers.threads", "now      4  (penknife.yaml:2)"},
		{"explain workers.threads --threads 5", "now      5  (--threads)"},
		{"explain", "app.wsgi                  a:app                         penknife.yaml:1\n"},
		{"version", "penknife 1.2.3\n"},
		{"--version", "penknife 1.2.3\n"},
		{"serve --help", "--request-timeout"},
		{"serve --help", "--touch-reload FILE "},
		{"serve --help", "--user NAME "},
		{"serve --help", "see docs/scaling.md\n"},
		{"explain workers.processes", "see docs/scaling.md."},
		{"", "serve"},
	}
	for _, test := range tests {
		o := execute(t, words(test.line), nil, nil, file...)
		if o.code != 0 || !strings.Contains(o.stdout, test.want) || o.stderr != "" || o.served != nil {
			t.Errorf("%s: exit %d, stderr %q, stdout:\n%s", test.line, o.code, o.stderr, o.stdout)
		}
	}
	if o := execute(t, words("status --help"), nil, nil); !strings.Contains(o.stdout, "--control ADDR") || strings.Contains(o.stdout, "--threads") {
		t.Errorf("status --help shows:\n%s", o.stdout)
	}
	strangers := "app: {wsgi: a:app}\nprocess: {user: nosuchuser}\nuwsgi: [{listen: /tmp/x, group: nosuchgroup}]\n"
	o := execute(t, words("check"), nil, nil, "penknife.yaml", strangers)
	for _, want := range []string{`process.user: user "nosuchuser"`, `uwsgi[0]: group "nosuchgroup"`} {
		if o.code != 0 || !strings.Contains(o.stderr, "penknife check: warning: "+want) {
			t.Errorf("check with unknown users: exit %d, %q is not in %q", o.code, want, o.stderr)
		}
	}
	if o := execute(t, words("check"), nil, nil); o.code != 2 || o.stdout != "" {
		t.Errorf("check without an application: exit %d, %q", o.code, o.stdout)
	}
}

func TestExplainWorksOnABrokenConfiguration(t *testing.T) {
	o := execute(t, words("explain workers.threads"), nil, nil, "penknife.yaml", "workers: {threads: many}\n")
	if o.code != 0 || !strings.Contains(o.stdout, "default  1") || !strings.Contains(o.stderr, "problems (1)") {
		t.Errorf("exit %d\n%s%s", o.code, o.stdout, o.stderr)
	}
}

func TestVersionText(t *testing.T) {
	if got := versionText("1.2.3"); !strings.HasPrefix(got, "1.2.3 ") || !strings.Contains(got, "go1.") {
		t.Errorf("got %q", got)
	}
	if got := versionText(""); got == "" || strings.HasPrefix(got, " ") {
		t.Errorf("got %q", got)
	}
}

package configs

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// readerRules are the rules that are no entry of checks; file-large has a test of its own.
var readerRules = []Rule{
	RuleSyntax, RuleUnknown, RuleDuplicate, RuleMapping, RuleList, RuleNoValue, RuleValue, RuleDocuments,
}

func TestEveryRuleHasAFixtureAndItsMessages(t *testing.T) {
	rules := slices.Clone(readerRules)
	for _, c := range checks {
		rules = append(rules, c.rule)
	}
	files, err := filepath.Glob("testdata/invalid/*.yaml")
	if err != nil || len(files) != len(rules) {
		t.Fatalf("%d fixtures for %d rules (%v)", len(files), len(rules), err)
	}
	for _, rule := range rules {
		t.Run(string(rule), func(t *testing.T) { checkFixture(t, rule) })
	}
}

func checkFixture(t *testing.T, rule Rule) {
	file := filepath.Join("testdata/invalid", string(rule)+".yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for line := range strings.Lines(string(text)) {
		if message, ok := strings.CutPrefix(line, "# want: "); ok {
			want = append(want, strings.TrimSpace(message))
		}
	}
	_, err = Load(Options{File: file})
	var problems *Problems
	if !errors.As(err, &problems) {
		t.Fatalf("accepted, or another error: %v", err)
	}
	found := false
	for _, p := range problems.List {
		got = append(got, strings.TrimPrefix(p.String(), file+":"))
		found = found || p.Rule == rule
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if !found {
		t.Errorf("rule %s was not among %v", rule, problems.List)
	}
}

func TestFileThatIsTooLargeOrMissing(t *testing.T) {
	large := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(large, make([]byte, fileLimit+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		large:             "is it another file?",
		"/none/such.yaml": "/none/such.yaml: cannot be read: no such file or directory",
	} {
		_, err := Load(Options{File: file})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", file, err, want)
		}
	}
}

// chdirToFile makes a directory with a penknife.yaml in it the current one.
func chdirToFile(t *testing.T, text string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, DefaultFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
}

func mustLoad(t *testing.T, options Options) *Loaded {
	t.Helper()
	loaded, err := Load(options)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return loaded
}

func TestLaterSourceWins(t *testing.T) {
	chdirToFile(t, `
app: {wsgi: file:app}
workers:
  processes: 2
  threads: 3
  queue: 100
`)
	loaded := mustLoad(t, Options{
		Environ: []string{
			"PENKNIFE_WORKERS_THREADS=4", "PENKNIFE_WORKERS_QUEUE=200", "WEB_CONCURRENCY=9",
			"PENKNIFE_WORKERS_GRACE_PERIOD=",
		},
		Settings: []Setting{{Path: "workers.queue", Name: "--queue", Values: []string{"300"}}},
	})
	w := loaded.Config.Workers
	if w.Processes != FixedProcesses(2) || w.Threads != 4 || w.Queue != 300 || w.GracePeriod != 30*time.Second {
		t.Errorf("workers: %+v", w)
	}
	for path, want := range map[string]string{
		"app.wsgi":             "penknife.yaml:2",
		"workers.processes":    "penknife.yaml:4",
		"workers.threads":      "$PENKNIFE_WORKERS_THREADS",
		"workers.queue":        "--queue",
		"workers.grace_period": "default",
	} {
		if got := loaded.Sources.Of(path).String(); got != want {
			t.Errorf("%s comes from %s, want %s", path, got, want)
		}
	}
}

func TestListeners(t *testing.T) {
	app := Setting{Path: "app.wsgi", Name: "argument", Values: []string{"a:app"}}
	uwsgi := Setting{Path: "uwsgi", Name: "--uwsgi", Values: []string{"unix:@a", ":3031"}}
	tests := []struct {
		name     string
		file     string
		environ  []string
		settings []Setting
		http     []string
		uwsgi    []string
	}{
		{"nothing", "", nil, []Setting{app}, []string{"127.0.0.1:8000"}, nil},
		{"port", "", []string{"PORT=5000"}, []Setting{app}, []string{"0.0.0.0:5000"}, nil},
		{"uwsgi only", "", []string{"PORT=5000"}, []Setting{app, uwsgi}, nil, []string{"unix:@a", ":3031"}},
		{"environment", "http: [{listen: ':1'}]", []string{"PENKNIFE_HTTP=:2, :3"}, []Setting{app},
			[]string{":2", ":3"}, nil},
		{"file and flag of another kind", "http: [{listen: ':1'}]", nil, []Setting{app, uwsgi},
			[]string{":1"}, []string{"unix:@a", ":3031"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			chdirToFile(t, test.file)
			c := mustLoad(t, Options{Environ: test.environ, Settings: test.settings}).Config
			var http, uwsgi []string
			for _, l := range c.HTTP {
				http = append(http, l.Listen)
			}
			for _, l := range c.Uwsgi {
				uwsgi = append(uwsgi, l.Listen)
			}
			if !slices.Equal(http, test.http) || !slices.Equal(uwsgi, test.uwsgi) {
				t.Errorf("http %v, uwsgi %v; want %v, %v", http, uwsgi, test.http, test.uwsgi)
			}
		})
	}
}

func TestListenerFromFlagKeepsWhatTheFileSaysAboutIt(t *testing.T) {
	chdirToFile(t, `
app: {wsgi: a:app}
uwsgi:
  - {listen: "unix:/run/a.sock", mode: 0600}
  - {listen: "unix:/run/b.sock"}
`)
	loaded := mustLoad(t, Options{Settings: []Setting{
		{Path: "uwsgi", Name: "--uwsgi", Values: []string{"unix:/run/a.sock"}}}})
	if got := loaded.Config.Uwsgi; len(got) != 1 || got[0].Mode != 0o600 {
		t.Errorf("got %+v", got)
	}
}

func TestPathAloneIsAUnixSocket(t *testing.T) {
	chdirToFile(t, `
app: {wsgi: a:app}
http: [{listen: ../h.sock}]
uwsgi: [{listen: /run/a.sock, mode: 0600}, {listen: "unix:/run/b.sock", mode: 0640}]
admin: {listen: /run/admin.sock}
stats: /run/stats.sock
control: {listen: /run/c.sock}
`)
	c := mustLoad(t, Options{}).Config
	if got := []string{c.HTTP[0].Listen, c.Uwsgi[0].Listen, c.Admin.Listen, c.Stats, c.Control.Listen}; !slices.Equal(got,
		[]string{"unix:../h.sock", "unix:/run/a.sock", "unix:/run/admin.sock", "unix:/run/stats.sock", "unix:/run/c.sock"}) {
		t.Errorf("from the file: %q", got)
	}
	if c.ControlSocket(nil) != "/run/c.sock" {
		t.Errorf("control socket %q", c.ControlSocket(nil))
	}
	c = mustLoad(t, Options{Environ: []string{"PENKNIFE_STATS=./s.sock"}, Settings: []Setting{
		{Path: "uwsgi", Name: "--uwsgi", Values: []string{"unix:/run/a.sock", "/run/b.sock", "./c:1"}},
		{Path: "control.listen", Name: "--control", Values: []string{"/x"}},
	}}).Config
	if len(c.Uwsgi) != 3 || c.Uwsgi[0].Mode != 0o600 || c.Uwsgi[1].Mode != 0o640 || c.Uwsgi[2].Listen != "unix:./c:1" {
		t.Errorf("from flags: %+v", c.Uwsgi)
	}
	if c.Stats != "unix:./s.sock" || c.ControlSocket(nil) != "/x" {
		t.Errorf("stats %q, control %q", c.Stats, c.ControlSocket(nil))
	}
}

func TestBadAddressIsToldAlsoIfAFlagReplacesTheList(t *testing.T) {
	chdirToFile(t, "app: {wsgi: a:app}\nhttp:\n  - listen: nonsense\n")
	_, err := Load(Options{Settings: []Setting{{Path: "http", Name: "--http", Values: []string{":1"}}}})
	if err == nil || !strings.HasPrefix(err.Error(), "penknife.yaml:3: http[0].listen: not an address") {
		t.Errorf("got %v", err)
	}
}

func TestUnknownVariables(t *testing.T) {
	chdirToFile(t, "app: {wsgi: a:app}")
	_, err := Load(Options{Environ: []string{
		"PENKNIFE_WORKERS_PROCESES=2", "PENKNIFE_SERVICE_HOST=10.0.0.1", "PENKNIFE_PORT=tcp://10.0.0.1:80",
		"PENKNIFE_PORT_80_TCP=x", "OTHER=1", "PENKNIFE_HELLO=1", "PENKNIFE_NOSUCH=1", "PENKNIFE_LOG_LEVLE=info",
	}})
	want := "$PENKNIFE_HELLO: no such variable\n" +
		"$PENKNIFE_LOG_LEVLE: no such variable; did you mean PENKNIFE_LOG_LEVEL?\n" +
		"$PENKNIFE_NOSUCH: no such variable\n" +
		"$PENKNIFE_WORKERS_PROCESES: no such variable; did you mean PENKNIFE_WORKERS_PROCESSES?"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestConfigVariableNamesTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "other.yaml")
	if err := os.WriteFile(file, []byte("app: &a {wsgi: a:app, env: {A: b, C: ''}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded := mustLoad(t, Options{Environ: []string{"PENKNIFE_CONFIG=" + file}})
	if loaded.File != file || loaded.Config.App.Env["A"] != "b" || len(loaded.Config.App.Env) != 2 {
		t.Errorf("got %+v", loaded)
	}
}

func TestProblemsOfAllSourcesComeAtOnce(t *testing.T) {
	chdirToFile(t, "workers: {threads: x}\nlog: {level: loud}\n")
	_, err := Load(Options{
		Environ:  []string{"PORT=http", "PENKNIFE_LIMITS_BODY=1X"},
		Settings: []Setting{{Path: "workers.queue", Name: "--queue", Values: []string{"many"}}},
	})
	want := []string{
		`penknife.yaml:1: workers.threads: "x" is not a whole number`,
		`penknife.yaml:2: log.level: "loud" is not one of debug, info, warn, error`,
		`$PENKNIFE_LIMITS_BODY: limits.body: "1X" has an unknown unit "X": write B, kB, MB, GB, KiB, MiB or GiB`,
		`$PORT: http[0].listen: not an address: the port of "0.0.0.0:http" is not a number from 0 to 65535`,
		`--queue: workers.queue: "many" is not a whole number`,
		`app.wsgi: no application is named`,
	}
	if err == nil {
		t.Fatal("accepted")
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) != len(want) {
		t.Fatalf("got %d problems:\n%v", len(got), err)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("problem %d is\n%s\nwant\n%s", i, got[i], want[i])
		}
	}
}

func FuzzLoad(f *testing.F) {
	files, _ := filepath.Glob("testdata/invalid/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte("app: &x {wsgi: *x}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l := newLoader(nil)
		l.decode(Source{Kind: SourceFile, Name: "f"}, text)
		l.addDefaultListener()
		l.check()
		if l.loaded.ExplainAll() == "" {
			t.Error("nothing to explain")
		}
	})
}

// TestFileOfAnotherServer: who gives the configuration that he has hears where its keys are translated.
func TestFileOfAnotherServer(t *testing.T) {
	for name, text := range map[string]string{"uwsgi.ini": "[uwsgi]\nmodule = a\n", "gunicorn.conf.py": "bind = \":80\"\nworkers = 3\n"} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(Options{File: file}); err == nil || !strings.Contains(err.Error(), "docs/migrating.md") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSyntaxErrorsHaveALine(t *testing.T) {
	for text, want := range map[string]string{
		"\tapp:\n":               "penknife.yaml:1: not valid YAML: the line begins with a tab",
		"@app: a\n":              "penknife.yaml:1: not valid YAML",
		"app:\n  wsgi: \xff\n":   "penknife.yaml:2: not valid YAML",
		"app:\n\n  wsgi: \x01\n": "penknife.yaml:3: not valid YAML",
	} {
		chdirToFile(t, text)
		if _, err := Load(Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

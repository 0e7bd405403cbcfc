package e2e

import (
	"strings"
	"testing"
	"time"

	"penknife/internal/testkit"
)

// TestServeRefuses: exit code 2 for what cannot be meant, 3 for an application that does not import, and a message
// that helps.
func TestServeRefuses(t *testing.T) {
	dir := testkit.Dir(t)
	config := testkit.Write(t, dir, "bad.yaml", "workers:\n  proceses: 4\nhttp:\n  - listen: nonsense\nlog: {level: loud}\n")
	for name, test := range map[string]struct {
		arguments []string
		code      int
		says      []string
		not       []string
	}{
		"no application":   {nil, 2, []string{"application"}, nil},
		"module typo":      {[]string{"helo:application"}, 3, []string{"helo", "hello"}, nil},
		"missing callable": {[]string{"hello:aplication"}, 3, []string{"aplication", "application"}, nil},
		"no such callable": {[]string{"talk:nothing_like_it"}, 3, []string{"nothing_like_it"}, nil},
		"not callable":     {[]string{"hello:__name__"}, 3, []string{"callable"}, nil},
		"missing file":     {[]string{"nowhere/app.py"}, 3, []string{"nowhere/app.py"}, nil},
		"raises at import": {[]string{"onimport:application"}, 3,
			[]string{"LookupError: no such setting: DATABASE", "configure()", "onimport.py"}, []string{"penknife/", "importlib"}},
		"wrong flag":     {[]string{"hello:application", "--proceses", "4"}, 2, []string{"--proceses", "--processes"}, nil},
		"wrong number":   {[]string{"hello:application", "--processes", "many"}, 2, []string{"many"}, nil},
		"wrong address":  {[]string{"hello:application", "--http", "127.0.0.1:99999"}, 2, []string{"99999"}, nil},
		"wrong file":     {[]string{"hello:application", "--config", config}, 2, []string{"bad.yaml:2", "proceses", "processes", "nonsense", "loud"}, nil},
		"no interpreter": {[]string{"hello:application", "--python", "/nowhere/python"}, 2, []string{"/nowhere/python"}, nil},
		"no Python": {[]string{"hello:application", "--python", "/bin/false"}, 2,
			[]string{"--python", "/bin/false is no Python", "CPython 3.10"}, nil},
		"no folder":       {[]string{"hello:application", "--chdir", "/nowhere"}, 2, []string{"/nowhere"}, nil},
		"two arguments":   {[]string{"hello:application", "other:application"}, 2, []string{"other:application"}, nil},
		"public uwsgi":    {[]string{"hello:application", "--uwsgi", "0.0.0.0:0"}, 2, []string{"allow_from"}, nil},
		"no such command": {[]string{"--chdir"}, 2, []string{"chdir"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			arguments := append([]string{"serve"}, test.arguments...)
			if !strings.Contains(strings.Join(arguments, " "), "--http") {
				arguments = append(arguments, "--http", testkit.FreeAddress(t))
			}
			if !strings.Contains(strings.Join(arguments, " "), "--chdir") {
				arguments = append(arguments, "--chdir", apps(t))
			}
			if !strings.Contains(strings.Join(arguments, " "), "--python") {
				arguments = append(arguments, "--python", testkit.DefaultPython(t))
			}
			if name == "no such command" {
				arguments = []string{"serve", "--chdir"}
			}
			code, output := testkit.Run(t, 20*time.Second, arguments...)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			for _, text := range test.says {
				if !strings.Contains(output, text) {
					t.Errorf("%q is not said", text)
				}
			}
			for _, text := range test.not {
				if strings.Contains(output, text) {
					t.Errorf("%q is said", text)
				}
			}
			if t.Failed() {
				t.Logf("%s", output)
			}
		})
	}
}

// TestAddressInUse: a second penknife at the same address does not start, and does not take the socket away.
func TestAddressInUse(t *testing.T) {
	s := serve(t, "hello:application", testkit.Options{})
	for _, arguments := range [][]string{{"--http", s.HTTP}, {"--uwsgi", "unix:" + s.Uwsgi, "--http", testkit.FreeAddress(t)}} {
		all := append([]string{"serve", "hello:application", "--chdir", apps(t), "--python", testkit.DefaultPython(t)}, arguments...)
		if code, output := testkit.Run(t, 20*time.Second, all...); code == 0 || !strings.Contains(output, "in use") {
			t.Errorf("%v: exit code %d\n%s", arguments, code, output)
		}
	}
	eachFront(t, s, func(t *testing.T, c testkit.Client) { expectBody(t, c.Do(t, testkit.Call{}), "hello\n") })
}

// TestWaysToNameTheApplication: every form that the command line takes.
func TestWaysToNameTheApplication(t *testing.T) {
	for _, app := range []string{"hello", "hello:application", "hello:validated", "hello.py", "hello.py:application",
		"./hello.py", "callables:factory()"} {
		t.Run(app, func(t *testing.T) {
			s := serve(t, app, testkit.Options{})
			expectStatus(t, testkit.HTTPClient(s.HTTP).Do(t, testkit.Call{}), 200)
		})
	}
}

// TestServeAlone: nothing but the application is said; $PORT moves the default listener.
func TestServeAlone(t *testing.T) {
	_, port, _ := strings.Cut(testkit.FreeAddress(t), ":")
	p := testkit.Start(t, apps(t), []string{"PORT=" + port, "PYTHONDONTWRITEBYTECODE=1"}, testkit.Binary(t), "serve", "hello:application")
	p.AwaitAccept(t, "127.0.0.1:"+port)
	testkit.Eventually(t, callTimeout, func() error {
		answer, err := testkit.HTTPClient("127.0.0.1:" + port).Try(testkit.Call{})
		if err == nil && answer.Status != 200 {
			err = errNotYet
		}
		return err
	})
}

// TestOtherCommands: version, check and explain.
func TestOtherCommands(t *testing.T) {
	if code, output := testkit.Run(t, 10*time.Second, "version"); code != 0 || !strings.HasPrefix(output, "penknife ") {
		t.Errorf("version: %d %s", code, output)
	}
	good := testkit.Write(t, testkit.Dir(t), "good.yaml", "app: {wsgi: \"hello:application\"}\nworkers: {processes: 3}\n")
	if code, output := testkit.Run(t, 10*time.Second, "check", "--config", good); code != 0 {
		t.Errorf("check: %d %s", code, output)
	}
	code, output := testkit.Run(t, 10*time.Second, "explain", "workers.processes", "--config", good)
	if code != 0 || !strings.Contains(output, "3") || !strings.Contains(output, "good.yaml:2") {
		t.Errorf("explain: %d %s", code, output)
	}
}

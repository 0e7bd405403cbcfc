package configs

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"
)

// checks are the rules about values that could be read. Each runs always, so that all problems come out at once.
var checks = []struct {
	rule Rule
	run  func(*checker)
}{
	{RuleAppMissing, (*checker).appMissing},
	{"app-form", (*checker).appForm},
	{"app-chdir", (*checker).appChdir},
	{"app-env", (*checker).appEnv},
	{"warmup", (*checker).warmup},
	{"no-listener", (*checker).noListener},
	{ruleAddress, (*checker).addresses},
	{"address-twice", (*checker).addressTwice},
	{"socket-options", (*checker).socketOptions},
	{"control-unix", (*checker).controlUnix},
	{"uwsgi-public", (*checker).uwsgiPublic},
	{"allow-from-unix", (*checker).allowFromUnix},
	{"proxy-protocol", (*checker).proxyProtocol},
	{"access-path", (*checker).accessPath},
	{"access-lists", (*checker).accessLists},
	{"network", (*checker).networks},
	{"range", (*checker).ranges},
	{"choice", (*checker).choices},
	{"tls", (*checker).tls},
	{"tls-client", (*checker).tlsClient},
	{"acme", (*checker).acme},
	{"temp-dir", (*checker).tempDir},
	{"process-umask", (*checker).processUmask},
	{"process-rlimits", (*checker).processRlimits},
	{"process-group", (*checker).processGroup},
	{"process-pidfile", (*checker).processPIDFile},
	{"queue-small", (*checker).queueSmall},
	{"tracing-url", (*checker).tracingURL},
	{"tracing-sample", (*checker).tracingSample},
	{"log-output", (*checker).logOutput},
	{"syslog-address", (*checker).syslogAddress},
	{"syslog-tag", (*checker).syslogTag},
	{"request-id-header", (*checker).requestIDHeader},
	{"processes", (*checker).processes},
	{"max-rss-small", (*checker).maxRSS},
	{"scaling", (*checker).scaling},
	{"lifetime-short", (*checker).lifetimeShort},
	{"app-cache-small", (*checker).appCacheSmall},
	{"public-health", (*checker).publicHealth},
	{"static-url", (*checker).staticURL},
	{"static-root", (*checker).staticRoot},
	{"static-names", (*checker).staticNames},
	{"static-headers", (*checker).staticHeaders},
	{"sendfile-roots", (*checker).sendfileRoots},
	{"cache-path", (*checker).cachePath},
	{"cache-status-ttl", (*checker).cacheStatusTTL},
	{"cache-names", (*checker).cacheNames},
	{"cache-redis", (*checker).cacheRedis},
	{"cache-prefix", (*checker).cachePrefix},
	{"cache-snapshot", (*checker).cacheSnapshot},
	{"daemon", (*checker).daemonKeys},
	{"cron", (*checker).cronKeys},
}

// checker looks at one configuration and gathers what is wrong with it.
type checker struct {
	*loader
	rule Rule
}

func (l *loader) check() {
	for _, p := range l.problems.List {
		if p.Rule == RuleSyntax || p.Rule == RuleTooLarge {
			return // with the file unread, most of what it sets would be called missing
		}
	}
	for _, c := range checks {
		c.run(&checker{loader: l, rule: c.rule})
	}
}

// judged says that a key, or what contains it, has a problem already. A value that could not be read was left at its
// default, and complaints about that would only confuse.
func (c *checker) judged(path string) bool {
	for _, p := range c.problems.List {
		if p.Key == path || (p.Key != "" && strings.HasPrefix(path, p.Key+".")) {
			return true
		}
	}
	return false
}

func (c *checker) complain(path, format string, args ...any) {
	if c.judged(path) {
		return
	}
	c.problems.add(c.rule, c.loaded.Sources.Of(path), path, format, args...)
}

func (c *checker) appMissing() {
	if c.loaded.Config.App.WSGI == "" {
		c.complain("app.wsgi", "no application is named: give it as argument (penknife serve mysite.wsgi:application), "+
			"or set app.wsgi in %s", DefaultFile)
	}
}

func (c *checker) appForm() {
	text := c.loaded.Config.App.WSGI
	module, callable, hasCallable := strings.Cut(text, ":")
	switch {
	case text == "":
	case strings.TrimSpace(text) != text || strings.ContainsRune(text, 0):
		c.complain("app.wsgi", "%q has spaces around it, or a NUL byte in it", text)
	case module == "":
		c.complain("app.wsgi", "%q names no module: write MODULE:CALLABLE", text)
	case hasCallable && callable == "":
		c.complain("app.wsgi", "%q names no callable: write %s:application, or just %[2]s", text, module)
	}
}

func (c *checker) appChdir() {
	c.directory("app.chdir", c.loaded.Config.App.Chdir)
}

func (c *checker) tempDir() {
	c.directory("limits.temp_dir", c.loaded.Config.Limits.TempDir)
}

func (c *checker) directory(path, name string) {
	if name == "" {
		return
	}
	info, err := os.Stat(absolute(name))
	switch {
	case err != nil:
		c.complain(path, "%v", err)
	case !info.IsDir():
		c.complain(path, "%s is not a directory", name)
	}
}

// absolute names a file from the root, so that a message tells where it was looked for.
func absolute(name string) string {
	if whole, err := filepath.Abs(name); err == nil {
		return whole
	}
	return name
}

func (c *checker) appEnv() {
	for name, value := range c.loaded.Config.App.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.ContainsRune(value, 0) {
			c.complain("app.env."+name, "%q cannot be a variable: no empty name, no = in the name, no NUL byte", name)
		}
	}
}

// socket is one listener of any kind, for the rules that hold for all.
type socket struct {
	path         string
	listen       string
	owner, group string
}

func (c *checker) sockets() []socket {
	var all []socket
	for i, h := range c.loaded.Config.HTTP {
		all = append(all, socket{fmt.Sprintf("http[%d]", i), h.Listen, h.Owner, h.Group})
	}
	for i, u := range c.loaded.Config.Uwsgi {
		all = append(all, socket{fmt.Sprintf("uwsgi[%d]", i), u.Listen, u.Owner, u.Group})
	}
	return all
}

func (c *checker) noListener() {
	if len(c.loaded.Config.HTTP)+len(c.loaded.Config.Uwsgi) == 0 {
		c.complain("http", "there is no listener: set http or uwsgi, or remove both for %s", DefaultListen)
	}
}

func (c *checker) addresses() {
	for _, s := range c.sockets() {
		if s.listen == "" {
			c.complain(s.path+".listen", "is missing: a listener needs an address")
		} else if _, err := parseAddress(s.listen); err != nil {
			c.complain(s.path+".listen", "%v", err)
		}
	}
	if admin := c.loaded.Config.Admin.Listen; admin != "" {
		if _, err := parseAddress(admin); err != nil {
			c.complain("admin.listen", "%v", err)
		}
	}
	if stats := c.loaded.Config.Stats; stats != "" {
		if _, err := parseAddress(stats); err != nil {
			c.complain("stats", "%v", err)
		}
	}
}

func (c *checker) addressTwice() {
	seen := map[string]string{}
	listeners := c.sockets()
	if admin := c.loaded.Config.Admin.Listen; admin != "" {
		listeners = append(listeners, socket{path: "admin", listen: admin})
	}
	if stats := c.loaded.Config.Stats; stats != "" {
		listeners = append(listeners, socket{path: "stats", listen: stats})
	}
	for _, s := range listeners {
		a, err := parseAddress(s.listen)
		if err != nil || a.port == "0" {
			continue
		}
		if first, twice := seen[a.key()]; twice {
			path := s.path + ".listen"
			if s.path == "stats" {
				path = s.path
			}
			c.complain(path, "%s is taken by %s", s.listen, first)
		}
		seen[a.key()] = s.path
	}
}

func (c *checker) socketOptions() {
	for _, s := range c.sockets() {
		a, err := parseAddress(s.listen)
		if err != nil || (a.unix && !strings.HasPrefix(a.path, "@")) {
			continue
		}
		for _, option := range []string{"mode", "owner", "group"} {
			if path := s.path + "." + option; c.isSet(path) {
				c.complain(path, "only a unix socket with a path has an owner and a mode, %s has not", s.listen)
			}
		}
	}
}

func (c *checker) ranges() {
	for _, key := range Keys() {
		d := docOf(key.Path)
		if d.max == 0 {
			continue
		}
		c.eachValue(key, func(path string, v reflect.Value) {
			if n := v.Int(); n < d.min || n > d.max {
				c.complain(path, "%s is out of range: %s to %s", formatValue(v), key.Min, key.Max)
			}
		})
	}
}

// eachValue gives the value of a key; of one below a list, that of each entry, with its number in the path.
func (c *checker) eachValue(key Key, do func(path string, v reflect.Value)) {
	if !isEntryKey(key) {
		do(key.Path, lookup(c.root, key.Path))
		return
	}
	section, leaf, _ := cutEntryKey(key.Path)
	list := lookup(c.root, section)
	for i := range list.Len() {
		do(fmt.Sprintf("%s[%d].%s", section, i, leaf), lookup(list.Index(i), leaf))
	}
}

func (c *checker) choices() {
	for _, key := range Keys() {
		if len(key.Choices) == 0 {
			continue
		}
		c.eachValue(key, func(path string, v reflect.Value) { c.choice(path, v.String(), key.Choices) })
	}
}

func (c *checker) choice(path, text string, choices []string) {
	if slices.Contains(choices, text) {
		return
	}
	hint := ""
	if near := Nearest(text, choices); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	c.complain(path, "%q is not one of %s%s", text, strings.Join(choices, ", "), hint)
}

// queueSmall cannot judge processes: auto; server makes the queue large enough for those.
func (c *checker) queueSmall() {
	w := c.loaded.Config.Workers
	if busy := w.Processes.Max * w.Threads; w.Queue < busy {
		c.complain("workers.queue", "%d is fewer than processes × threads (%d): some workers could never work",
			w.Queue, busy)
	}
}

// valueAt gives a key's present value as one would write it.
func (l *Loaded) valueAt(path string) string {
	return formatValue(lookup(reflect.ValueOf(l.Config), path))
}

// lifetimeShort wants a unit that was meant: 0 is no limit, and less than a second is nothing but replacements.
func (c *checker) lifetimeShort() {
	w := c.loaded.Config.Workers
	for path, limit := range map[string]time.Duration{
		"workers.max_lifetime": w.MaxLifetime, "workers.max_cpu_time": w.MaxCPUTime,
	} {
		if limit > 0 && limit < time.Second {
			c.complain(path, "%s is out of range: 0s for no limit, or at least 1s", formatDuration(limit))
		}
	}
}

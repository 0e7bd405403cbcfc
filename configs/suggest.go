package configs

import (
	"fmt"
	"strings"

	"github.com/agext/levenshtein"
)

// foreign maps names of uWSGI and gunicorn, without dashes and underscores, to the key that does the same here.
var foreign = map[string]string{
	"module": "app.wsgi", "wsgifile": "app.wsgi", "callable": "app.wsgi", "wsgiapp": "app.wsgi",
	"virtualenv": "app.python", "venv": "app.python", "home": "app.python", "pythonpath": "app.chdir",
	"lazyapps": "app.preload", "preloadapp": "app.preload",
	"socket": "uwsgi.listen", "uwsgisocket": "uwsgi.listen", "chmodsocket": "uwsgi.mode", "chownsocket": "uwsgi.owner",
	"httpsocket": "http.listen", "bind": "http.listen", "forwardedallowips": "http.trusted_proxies",
	"buffersize": "limits.header_block", "limitpost": "limits.body", "postbuffering": "limits.body_memory",
	"limitrequestline": "limits.request_line", "limitrequestfields": "limits.header_count",
	"harakiri": "workers.request_timeout", "timeout": "workers.request_timeout", "keepalive": "limits.idle_timeout",
	"reloadmercy": "workers.grace_period", "gracefultimeout": "workers.grace_period",
	"maxrequestsdelta": "workers.max_requests_jitter", "reloadonrss": "workers.max_rss", "evilreloadonrss": "workers.max_rss",
	"maxworkerlifetime": "workers.max_lifetime", "uid": "process.user", "gid": "process.group",
	"loglevel": "log.level", "accesslog": "log.access", "disablelogging": "log.access", "logto": "log.file", "daemonize": "log.file",
	"errorlog": "log.file", "statsserver": "stats", "cheaper": "workers.processes",
	"staticmap": "static", "checkstatic": "static", "staticmap2": "static", "cache2": "app_cache.size", "fsreload": "app.reload",
	"pyautoreload": "app.reload", "attachdaemon": "daemons.command", "attachdaemon2": "daemons.command", "smartattachdaemon": "daemons.command",
	"mule": "daemons.command", "spooler": "daemons.command", "cron2": "cron.command", "workertmpdir": "limits.temp_dir",
	"certfile": "http.tls.certificate", "keyfile": "http.tls.key", "enablethreads": "workers.threads",
}

// foreignFlags are names that are flags there and something else, or nothing, as keys.
var foreignFlags = map[string]string{
	"workers": "workers.processes", "w": "workers.processes", "p": "workers.processes", "b": "http.listen", "s": "uwsgi.listen",
	"t": "workers.request_timeout", "e": "app.env", "H": "app.python", "env": "app.env", "rawenv": "app.env",
}

// HereItIs translates a flag of uWSGI or gunicorn into the one that does the same here, or into the key where there is no
// flag for it: "--processes", "app.env in penknife.yaml". Empty for what is not known.
func HereItIs(flag string) string {
	path := foreignFlags[plainName.Replace(flag)]
	if path == "" {
		path = foreign[strings.ToLower(plainName.Replace(flag))]
	}
	if path == "app.wsgi" {
		return "an argument: penknife serve mysite.wsgi:application"
	}
	for _, key := range Keys() {
		if key.Flag != "" && (key.Path == path || key.Path+".listen" == path) {
			return "--" + key.Flag
		}
	}
	if path == "" {
		return ""
	}
	return path + " in " + DefaultFile
}

var plainName = strings.NewReplacer("-", "", "_", "", " ", "", ".", "")

// suggestKey gives "; did you mean …?" for a key that does not exist in the section, or nothing.
func suggestKey(section, name string, known []string) string {
	near := Nearest(name, known)
	if elsewhere := inAnotherSection(section, name); elsewhere != "" && (near == "" || section == "") {
		return fmt.Sprintf("; did you mean %s?", elsewhere)
	}
	if near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	if path, ok := foreign[strings.ToLower(plainName.Replace(name))]; ok {
		return fmt.Sprintf("; here it is %s", path)
	}
	return "; known are " + strings.Join(known, ", ")
}

// inAnotherSection gives the first key of that very name in another section, or what holds keys there, such as http.tls for
// tls, or "": who forgets the section, or takes the wrong one, knows the name.
func inAnotherSection(section, name string) string {
	for _, key := range Keys() {
		first, rest, _ := strings.Cut(key.Path, ".")
		if key.Section() == section || name == "" {
			continue
		}
		if rest == name {
			return key.Path
		}
		if strings.HasPrefix(rest, name+".") {
			return first + "." + name
		}
	}
	return ""
}

// Nearest finds the candidate that a hasty writer most likely meant, or "".
func Nearest(name string, candidates []string) string {
	best, distance := "", 1+len(name)/3
	for _, candidate := range candidates {
		plain := plainName.Replace(strings.ToLower(name))
		d := levenshtein.Distance(plain, plainName.Replace(strings.ToLower(candidate)), nil)
		if d <= distance && (best == "" || d < distance) {
			best, distance = candidate, d
		}
	}
	return best
}

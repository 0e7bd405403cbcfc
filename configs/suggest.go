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
	"loglevel": "log.level", "accesslog": "log.access", "disablelogging": "log.access", "stats": "admin.listen",
}

var plainName = strings.NewReplacer("-", "", "_", "", " ", "", ".", "")

// suggestKey gives "; did you mean …?" for a key that does not exist in the section, or nothing.
func suggestKey(section, name string, known []string) string {
	if near := Nearest(name, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	if path, ok := foreign[strings.ToLower(plainName.Replace(name))]; ok {
		return fmt.Sprintf("; here it is %s", path)
	}
	for _, key := range Keys() {
		if _, leaf, _ := strings.Cut(key.Path, "."); leaf == name && key.Section() != section {
			return fmt.Sprintf("; did you mean %s?", key.Path)
		}
	}
	return "; known are " + strings.Join(known, ", ")
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

package configs

import (
	"strings"
)

// Admin is the listener for metrics, health and the status page.
type Admin struct {
	Listen       string   `yaml:"listen"`        // empty: none
	Status       string   `yaml:"status"`        // off, local or on: who sees the status page
	Hosts        []string `yaml:"hosts"`         // names for it in URLs, beside addresses and localhost
	PublicLivez  string   `yaml:"public_livez"`  // path on the listeners of http and uwsgi; empty: none
	PublicReadyz string   `yaml:"public_readyz"` // the same
}

// adminDocs says what reflection cannot know about the keys of this file.
var adminDocs = map[string]keyDoc{
	"admin.listen": {flag: "admin", doc: "Address of the admin listener, such as `127.0.0.1:9191` or `unix:/run/mysite/admin.sock`. " +
		"Empty: none, so that two instances on one machine never collide. `/metrics`, `/livez` and `/readyz` have no " +
		"access control: keep it private. See [monitoring.md](monitoring.md)."},
	"admin.status": {choices: []string{"off", "local", "on"}, doc: "Who sees the status page (`/`, `/status.json`), which " +
		"shows paths, clients, tracebacks and the configuration: nobody, clients on this machine or of a unix socket, " +
		"or everybody who reaches the admin listener."},
	"admin.hosts": {doc: "Names by which browsers may ask for the status page, beside addresses and `localhost`. " +
		"Others are refused, so that no web site can read the page through a name that points to this machine."},
	"admin.public_livez": {doc: "A path on the listeners of `http` and `uwsgi` that answers 200 as long as penknife runs, " +
		"without asking the application. Empty: none."},
	"admin.public_readyz": {doc: "A path on the listeners of `http` and `uwsgi` that answers 200 when requests can be " +
		"answered and 503 when not, without asking the application. Empty: none."},
}

// publicHealth checks the paths that are taken from the application.
func (c *checker) publicHealth() {
	admin := c.loaded.Config.Admin
	paths := [...]struct{ key, path string }{
		{"admin.public_livez", admin.PublicLivez}, {"admin.public_readyz", admin.PublicReadyz},
	}
	for _, one := range paths {
		if one.path != "" && (one.path[0] != '/' || strings.ContainsAny(one.path, "?#%\\\x00")) {
			c.complain(one.key, "%q is compared with decoded paths: write it from the first slash, without escapes or query", one.path)
		}
	}
	if admin.PublicLivez != "" && admin.PublicLivez == admin.PublicReadyz {
		c.complain("admin.public_readyz", "%s is taken by admin.public_livez", admin.PublicReadyz)
	}
}

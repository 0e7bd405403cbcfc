package configs

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Control is the socket on which `penknife status`, `reload` and `stop` speak to a running penknife.
type Control struct {
	Listen string `yaml:"listen"` // unix:PATH, unix:@NAME or off; empty: see ControlSocket
}

// controlOff is the value of control.listen for no control socket.
const controlOff = "off"

// ControlSocket is where the control socket is: a path, or "@name" for an abstract one; empty for none. It follows
// from the configuration alone, so that server and command line agree without a word: control.listen, or else the
// first unix socket with a path among uwsgi and http with ".control" behind it, or else a file in the user's runtime
// directory that is named after the first listener.
func (c Config) ControlSocket(environ []string) string {
	if c.Control.Listen == controlOff {
		return ""
	}
	if a, err := parseAddress(c.Control.Listen); err == nil && a.unix {
		return a.path
	}
	var first string
	for _, listen := range append(listens(c.Uwsgi), listens(c.HTTP)...) {
		a, err := parseAddress(listen)
		if err != nil {
			continue
		}
		if a.unix && !strings.HasPrefix(a.path, "@") {
			return a.path + ".control"
		}
		if first == "" {
			first = a.key()
		}
	}
	if first == "" {
		return ""
	}
	return filepath.Join(runtimeDir(environ), strings.NewReplacer("/", "-", ":", "-", "@", "").Replace(first)+".control")
}

// runtimeDir is a directory for sockets that belongs to the user: of the session, of the system, or a last resort.
func runtimeDir(environ []string) string {
	for _, entry := range environ {
		if dir, ok := strings.CutPrefix(entry, "XDG_RUNTIME_DIR="); ok && filepath.IsAbs(dir) {
			return filepath.Join(dir, "penknife")
		}
	}
	uid := os.Geteuid()
	if uid == 0 {
		return "/run/penknife"
	}
	return filepath.Join(os.TempDir(), "penknife-"+strconv.Itoa(uid))
}

// listens gives the addresses of a list of listeners.
func listens[T HTTP | Uwsgi](list []T) []string {
	addresses := make([]string, len(list))
	for i := range list {
		switch l := any(list[i]).(type) {
		case HTTP:
			addresses[i] = l.Listen
		case Uwsgi:
			addresses[i] = l.Listen
		}
	}
	return addresses
}

func (c *checker) controlUnix() {
	listen := c.loaded.Config.Control.Listen
	if listen == "" || listen == controlOff {
		return
	}
	a, err := parseAddress(listen)
	if err != nil {
		c.complain("control.listen", "%v", err)
	} else if !a.unix {
		c.complain("control.listen", "%s is not a unix socket: whoever may speak there is known by the kernel only, "+
			"so write unix:PATH, or off for none", listen)
	}
}

// controlDocs says what reflection cannot know about the keys of this file.
var controlDocs = map[string]keyDoc{
	"control.listen": {flag: "control", doc: "`unix:PATH`, `unix:@abstract` or `off`. Only root and the user that penknife " +
		"runs as may speak there. Empty: the first unix socket among `uwsgi` and `http` with `.control` behind its name, or " +
		"else a file in `$XDG_RUNTIME_DIR/penknife` (without that variable `/run/penknife` for root, `/tmp/penknife-UID` " +
		"for others) that is named after the first listener."},
}

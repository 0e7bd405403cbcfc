package testkit

import (
	"fmt"
	"net"
	"testing"
)

// lighttpdMain passes every path by mod_scgi, which speaks uwsgi when told to.
const lighttpdMain = `server.modules = ("mod_scgi")
server.document-root = "%[1]s"
server.upload-dirs = ("%[1]s")
server.bind = "%[2]s"
server.port = %[3]s
server.errorlog = "/dev/stderr"
%[4]s
scgi.protocol = "uwsgi"
scgi.server = ("/" => (("socket" => "%[5]s", "check-local" => "disable", "fix-root-scriptname" => "enable")))
`

// Lighttpd starts lighttpd in its uwsgi mode, everything passed to the socket at path; extra is further config.
func Lighttpd(t testing.TB, path, extra string) *Front {
	t.Helper()
	dir := Dir(t)
	f := &Front{Address: FreeAddress(t), Dir: dir}
	host, port, err := net.SplitHostPort(f.Address)
	if err != nil {
		t.Fatal(err)
	}
	config := Write(t, dir, "lighttpd.conf", fmt.Sprintf(lighttpdMain, dir, host, port, extra, path))
	f.Process = Start(t, dir, nil, Command(t, "lighttpd"), "-D", "-f", config)
	f.AwaitAccept(t, f.Address)
	return f
}

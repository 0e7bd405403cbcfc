package testkit

import (
	"fmt"
	"os"
	"testing"
)

// apacheMain loads as little as mod_proxy_uwsgi needs. Apache refuses to serve as root, so root's is www-data.
const apacheMain = `ServerRoot "%[1]s"
ServerName penknife.test
Listen %[2]s
PidFile "%[1]s/apache.pid"
DefaultRuntimeDir "%[1]s"
Mutex file:%[1]s
ErrorLog /proc/self/fd/2
LogLevel warn
%[3]s
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_uwsgi_module /usr/lib/apache2/modules/mod_proxy_uwsgi.so
StartServers 1
ServerLimit 2
ThreadsPerChild 8
MaxRequestWorkers 16
LimitRequestFieldSize 65536
DocumentRoot "%[1]s"
ProxyPass "/" "%[4]s"
`

// Apache starts Apache with mod_proxy_uwsgi, everything passed to target: "uwsgi://127.0.0.1:PORT/" or
// "unix:PATH|uwsgi://name/".
func Apache(t testing.TB, target string) *Front {
	t.Helper()
	dir := Dir(t)
	user := ""
	if os.Geteuid() == 0 {
		user = "User www-data\nGroup www-data"
	}
	f := &Front{Address: FreeAddress(t), Dir: dir}
	config := Write(t, dir, "apache.conf", fmt.Sprintf(apacheMain, dir, f.Address, user, target))
	f.Process = Start(t, dir, nil, Command(t, "apache2"), "-d", dir, "-f", config, "-D", "FOREGROUND")
	f.AwaitAccept(t, f.Address)
	return f
}

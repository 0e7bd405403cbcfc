package testkit

import (
	"fmt"
	"os"
	"testing"
)

// haproxyMain passes bytes on. The clients' addresses are what the test makes them, since it connects from them.
const haproxyMain = `global
  log stdout format raw local0 info
defaults
  mode tcp
  log global
  timeout connect 5s
  timeout client 20s
  timeout server 20s
listen passer
  bind %s
  server app %s
`

// HAProxy starts haproxy, which passes the bytes of its connections on to server: an address and keywords such as
// "127.0.0.1:8000 send-proxy", or "unix@/path send-proxy-v2".
func HAProxy(t testing.TB, server string) *Front {
	t.Helper()
	dir := Dir(t)
	f := &Front{Address: FreeAddress(t), Dir: dir}
	config := Write(t, dir, "haproxy.cfg", fmt.Sprintf(haproxyMain, f.Address, server))
	f.Process = Start(t, dir, nil, Command(t, "haproxy"), "-db", "-f", config)
	f.AwaitAccept(t, f.Address)
	return f
}

// nginxStreamMain passes bytes on with the PROXY protocol. %[1]s is what only root may say, %[4]s where the module is.
const nginxStreamMain = `%[1]s
load_module %[4]s;
worker_processes 1;
pid nginx.pid;
error_log stderr info;
events { worker_connections 512; }
stream {
  server {
    listen %[2]s;
    proxy_pass %[3]s;
    proxy_protocol on;
  }
}
`

// nginxStreamModule is where Debian puts it.
const nginxStreamModule = "/usr/lib/nginx/modules/ngx_stream_module.so"

// NginxStream starts nginx, which passes the bytes of its connections on to an address, "HOST:PORT" or "unix:PATH", behind a header
// of the PROXY protocol.
func NginxStream(t testing.TB, server string) *Front {
	t.Helper()
	dir := Dir(t)
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	f := &Front{Address: FreeAddress(t), Dir: dir}
	config := Write(t, dir, "nginx.conf", fmt.Sprintf(nginxStreamMain, user, f.Address, server, nginxStreamModule))
	f.Process = Start(t, dir, nil, Command(t, "nginx"), "-p", dir, "-c", config, "-e", "stderr", "-g", "daemon off;")
	f.AwaitAccept(t, f.Address)
	return f
}

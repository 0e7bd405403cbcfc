package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Front is a real web server in front of penknife.
type Front struct {
	*Process
	// Address is "127.0.0.1:PORT".
	Address string
	// Dir is its own directory, with its logs.
	Dir string
}

// Client speaks HTTP to the front server.
func (f *Front) Client() Client { return HTTPClient(f.Address) }

// nginxMain is everything around what a test is about. %[1]s is what only root may say.
const nginxMain = `%[1]s
worker_processes 1;
pid nginx.pid;
error_log stderr info;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  scgi_temp_path scgi;
  uwsgi_temp_path uwsgi;
  client_max_body_size 0;
  large_client_header_buffers 4 128k;
  client_header_buffer_size 4k;
  %[2]s
  server {
    listen %[3]s;
    server_name _;
    %[4]s
  }
}
`

// UwsgiParams is what Debian's /etc/nginx/uwsgi_params says, so that tests do not depend on that file.
const UwsgiParams = `
    uwsgi_param QUERY_STRING $query_string;
    uwsgi_param REQUEST_METHOD $request_method;
    uwsgi_param CONTENT_TYPE $content_type;
    uwsgi_param CONTENT_LENGTH $content_length;
    uwsgi_param REQUEST_URI $request_uri;
    uwsgi_param PATH_INFO $document_uri;
    uwsgi_param DOCUMENT_ROOT $document_root;
    uwsgi_param SERVER_PROTOCOL $server_protocol;
    uwsgi_param REQUEST_SCHEME $scheme;
    uwsgi_param HTTPS $https if_not_empty;
    uwsgi_param REMOTE_ADDR $remote_addr;
    uwsgi_param REMOTE_PORT $remote_port;
    uwsgi_param SERVER_PORT $server_port;
    uwsgi_param SERVER_NAME $server_name;
`

// Nginx starts nginx with what belongs into its http block (upstreams) and into its one server block (locations,
// uwsgi_param).
func Nginx(t testing.TB, http, server string) *Front {
	t.Helper()
	dir := Dir(t)
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	f := &Front{Address: FreeAddress(t), Dir: dir}
	config := Write(t, dir, "nginx.conf", fmt.Sprintf(nginxMain, user, http, f.Address, server))
	f.Process = Start(t, dir, nil, Command(t, "nginx"), "-p", dir, "-c", config, "-e", "stderr", "-g", "daemon off;")
	f.AwaitAccept(t, f.Address)
	return f
}

// NginxPass is Nginx with every path passed to one uwsgi address: a path or "HOST:PORT".
func NginxPass(t testing.TB, uwsgi, extra string) *Front {
	t.Helper()
	if networkOf(uwsgi) == "unix" {
		uwsgi = "unix:" + uwsgi
	}
	return Nginx(t, "", UwsgiParams+extra+"\n    location / { uwsgi_pass "+uwsgi+"; }")
}

// Command finds an executable on PATH or where Debian keeps its daemons.
func Command(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/sbin") {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 && !info.IsDir() {
			return path
		}
	}
	t.Fatalf("%s is not installed: `make test` installs what the tests need", name)
	return ""
}

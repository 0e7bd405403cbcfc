"""nginx in front: one instance for a case, with a port for each server behind it."""

import os

PARAMS = ("QUERY_STRING $query_string", "REQUEST_METHOD $request_method", "CONTENT_TYPE $content_type",
          "CONTENT_LENGTH $content_length", "REQUEST_URI $request_uri", "PATH_INFO $document_uri",
          "DOCUMENT_ROOT $document_root", "SERVER_PROTOCOL $server_protocol", "REQUEST_SCHEME $scheme",
          "HTTPS $https if_not_empty", "REMOTE_ADDR $remote_addr", "REMOTE_PORT $remote_port",
          "SERVER_PORT $server_port", "SERVER_NAME $server_name")

# Buffers hold the largest bodies of the bench, so that nginx's temporary files are no part of what is measured.
HEAD = """daemon off;
{user}worker_processes {workers};
worker_rlimit_nofile 16384;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_max_body_size 64m;
  client_body_buffer_size 2m;
  client_body_temp_path body; proxy_temp_path proxy; uwsgi_temp_path uwsgi;
  fastcgi_temp_path fastcgi; scgi_temp_path scgi;
  uwsgi_buffers 64 32k; uwsgi_max_temp_file_size 0;
  proxy_buffers 64 32k; proxy_max_temp_file_size 0;
{params}
"""


def server_block(name, port, start):
    """One port: uwsgi_pass if the server speaks uwsgi, proxy_pass with kept connections if it speaks HTTP."""
    if start.uwsgi:
        target = start.uwsgi if ":" in start.uwsgi else "unix:" + start.uwsgi
        return f"  server {{ listen 127.0.0.1:{port}; location / {{ uwsgi_pass {target}; }} }}\n"
    return (f"  upstream {name} {{ server {start.http}; keepalive 64; keepalive_requests 1000000000; }}\n"
            f"  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{name}; proxy_http_version 1.1; "
            f'proxy_set_header Connection ""; proxy_set_header Host $host; }} }}\n')


def configuration(workers, blocks):
    """The whole file. As root, nginx's workers stay root: the sockets are only for the user who measures."""
    user = "user root;\n" if os.geteuid() == 0 else ""
    params = "\n".join(f"  uwsgi_param {line};" for line in PARAMS)
    return HEAD.format(user=user, workers=workers, params=params) + "".join(blocks) + "}\n"


STATIC = """daemon off;
{user}worker_processes {workers};
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=1000 inactive=60s;
  server {{ listen {address}; location /static/ {{ alias {directory}/; }} }}
}}
"""


def static_command(directory, address, workers):
    """nginx as a server of files, as its users tune it. The configuration stands beside the files."""
    user = "user root;\n" if os.geteuid() == 0 else ""
    path = os.path.join(directory, "static.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(STATIC.format(user=user, workers=workers, directory=directory, address=address))
    return ["nginx", "-p", directory, "-c", path, "-e", "stderr"]


def command(directory, workers, blocks):
    """Writes the configuration into directory and gives the command that runs it."""
    with open(os.path.join(directory, "nginx.conf"), "w", encoding="ascii") as file:
        file.write(configuration(workers, blocks))
    return ["nginx", "-p", directory, "-c", "nginx.conf", "-e", "stderr"]

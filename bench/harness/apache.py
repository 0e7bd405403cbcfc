"""Apache with mod_wsgi in daemon mode: the configuration, and which modules there are."""

import glob
import os

MODULES = "/usr/lib/apache2/modules"
DEBIAN_MODULE = os.path.join(MODULES, "mod_wsgi.so")

CONFIGURATION = """ServerRoot {directory}
ServerName bench
PidFile {directory}/{name}.pid
DefaultRuntimeDir {directory}
Mutex file:{directory} default
ErrorLog /dev/stderr
LogLevel warn
{user}LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {module}
Listen {address}
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
ServerLimit 16
ThreadsPerChild 64
MaxRequestWorkers 1024
MaxMemFree 2048
WSGISocketPrefix {directory}/{name}
WSGIPythonHome {home}
WSGIDaemonProcess bench processes={processes} threads={threads} python-path={apps} listen-backlog=1024 display-name=%{{GROUP}}
WSGIProcessGroup bench
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias / {script}
<Directory {directory}>
  Require all granted
</Directory>
"""


def pypi_module(root):
    """The module that pip built into the bench's environment, "" if there is none."""
    found = glob.glob(os.path.join(root, ".venv-bench", "lib", "python3*", "site-packages", "mod_wsgi", "server", "mod_wsgi-*.so"))
    return found[0] if found else ""


def command(start, name, module, home):
    """Writes configuration and script into the server's directory and gives the command that runs it."""
    script = os.path.join(start.scratch, name + ".wsgi")
    with open(script, "w", encoding="ascii") as file:
        file.write(f"from {start.module} import application\n")
    text = CONFIGURATION.format(
        directory=start.scratch, name=name, user="User www-data\nGroup www-data\n" if os.geteuid() == 0 else "",
        modules=MODULES, module=module, address=start.http, home=home, processes=start.processes, threads=start.threads,
        apps=start.apps, script=script)
    path = os.path.join(start.scratch, name + ".conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return ["apache2", "-f", path, "-DFOREGROUND"]

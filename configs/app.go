package configs

// App says what to run.
type App struct {
	// WSGI names the application: MODULE:CALLABLE, MODULE:factory(), or path/to/file.py[:callable].
	WSGI string `yaml:"wsgi"`
	// Chdir is the directory that the application runs in; it is put on sys.path.
	Chdir string `yaml:"chdir"`
	// Python is the interpreter. Empty: $VIRTUAL_ENV/bin/python, then .venv/bin/python below Chdir, then python3.
	Python string `yaml:"python"`
	// Preload imports the application once, before the workers are forked, so that they share its memory.
	Preload bool `yaml:"preload"`
	// Warmup is what each worker answers before it takes requests: paths or URLs.
	Warmup []string `yaml:"warmup"`
	// Env is added to the environment of the Python processes.
	Env map[string]string `yaml:"env"`
	// Reload starts the application anew when a file changes that it was imported from: for development.
	Reload bool `yaml:"reload"`
	// TouchReload are files whose change does the same.
	TouchReload []string `yaml:"touch_reload"`
}

// appDocs says what reflection cannot know about the keys of this file.
var appDocs = map[string]keyDoc{
	"app.wsgi": {doc: "The application: `MODULE:CALLABLE`, `MODULE:factory()` or `path/to/file.py[:callable]`. Without " +
		"a callable, `application` and then `app` are tried. On the command line it is the argument of `penknife serve`."},
	"app.chdir": {flag: "chdir", doc: "The directory that the application runs in. It is put on `sys.path`. " +
		"Empty: where penknife was started."},
	"app.python": {flag: "python", doc: "The Python interpreter (CPython 3.10 or later): a path, a virtualenv's " +
		"directory, or a command on `$PATH`. A relative path is taken from `app.chdir`. Empty: `$VIRTUAL_ENV/bin/python`, then `.venv/bin/python` below `app.chdir`, then `python3`."},
	"app.preload": {flag: "preload", doc: "Import the application once and fork the workers from that process, so " +
		"that they share its memory. False: each worker imports for itself."},
	"app.reload": {flag: "reload", doc: "For development: reload when a Python file changes that the application was imported from, or " +
		"the configuration file. What is broken is said in the log, and the last good state goes on serving."},
	"app.touch_reload": {flag: "touch-reload", doc: "Files whose change causes a reload: `touch reload.me`. They need not exist; " +
		"their directories must. A file that is removed changes nothing."},
	"app.warmup": {flag: "warmup", single: true, doc: "Requests that each worker answers by itself before it takes any from clients, " +
		"a path (`/health`) or a list; `https://example.org/` gives the host too, which is otherwise that of the first HTTP " +
		"listener. At the start and at a reload an answer of 500 and above is a failure. See [reload.md](reload.md#warm-up)."},
	"app.env": {doc: "Added to the environment of the Python processes, which is otherwise penknife's own."},
}

package workers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"penknife/configs"

	"golang.org/x/sys/unix"
)

// Surroundings tells where and with what the application's processes run: the interpreter, the directory, both absolute,
// and the environment. Errors are *StartError.
func Surroundings(app configs.App) (python, dir string, env []string, err error) {
	if dir, err = workingDirectory(app.Chdir); err != nil {
		return "", "", nil, err
	}
	if python, err = findInterpreter(app, dir, os.Getenv); err != nil {
		return "", "", nil, err
	}
	return python, dir, environment(os.Environ(), app.Env, dir), nil
}

// findInterpreter chooses the Python executable: the configured one, else that of $VIRTUAL_ENV, else .venv below
// chdir, else python3 on $PATH. One that was asked for and cannot be used is an error, never a reason to take
// another: an application in the wrong environment is worse than none. The path is absolute and its symbolic links
// are kept, since Python finds a virtual environment by them. chdir is absolute.
func findInterpreter(app configs.App, chdir string, getenv func(string) string) (string, error) {
	if app.Python != "" {
		return configuredInterpreter(app.Python, chdir)
	}
	if home := getenv("VIRTUAL_ENV"); home != "" {
		return usable(filepath.Join(home, "bin", "python"), "VIRTUAL_ENV is "+home)
	}
	local := filepath.Join(chdir, ".venv", "bin", "python")
	if _, err := os.Lstat(local); err == nil {
		return usable(local, "it is the application's .venv")
	}
	path, err := exec.LookPath("python3")
	if err != nil {
		return "", &StartError{Kind: StartInterpreter,
			Reason: "no python3 on PATH, no .venv in " + chdir + " and no VIRTUAL_ENV; name the interpreter with --python"}
	}
	return filepath.Abs(path)
}

// configuredInterpreter takes a command on $PATH, a path (relative to chdir), or the directory of a virtual
// environment.
func configuredInterpreter(name, chdir string) (string, error) {
	if !strings.ContainsRune(name, filepath.Separator) {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(chdir, path)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "bin", "python")
	}
	return usable(path, "app.python is "+name)
}

// usable checks that path can be executed; because says who asked for it.
func usable(path, because string) (string, error) {
	info, err := os.Stat(path)
	problem := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		problem = "does not exist"
		if target, err := os.Readlink(path); err == nil {
			problem = "points to " + target + ", which does not exist"
		}
	case err != nil:
		problem = err.Error()
	case !info.Mode().IsRegular():
		problem = "is not a file"
	case unix.Access(path, unix.X_OK) != nil:
		problem = "is not executable"
	default:
		return path, nil
	}
	return "", &StartError{Kind: StartInterpreter, Reason: fmt.Sprintf("the interpreter %s %s (%s)", path, problem, because)}
}

// workingDirectory makes the application's directory absolute, and checks it.
func workingDirectory(chdir string) (string, error) {
	path, err := filepath.Abs(chdir) // "" is the current one
	if err != nil {
		return "", &StartError{Kind: StartSystem, Reason: "the current directory is unknown", Err: err}
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return "", &StartError{Kind: StartSystem, Reason: "app.chdir " + path + " is not a directory", Err: err}
	}
	return path, nil
}

// environment is base with extra set, and PWD as a shell would set it in dir. Sorted, each name once. SERVER_SOFTWARE is there
// in any case, as under gunicorn: web.py shows its debugging pages to everybody without it.
func environment(base []string, extra map[string]string, dir string) []string {
	values := map[string]string{"SERVER_SOFTWARE": "penknife"}
	for _, entry := range base {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" {
			values[name] = value
		}
	}
	values["PWD"] = dir
	for name, value := range extra {
		values[name] = value
	}
	env := make([]string, 0, len(values))
	for name, value := range values {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env
}

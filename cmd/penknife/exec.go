package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"penknife/configs"
	"penknife/python"
)

// The exit codes when there is no command to run: those of env(1), nohup(1) and the shells.
const (
	exitCannotRun = 126
	exitNotFound  = 127
)

// execError is a command that cannot be run.
type execError struct{ error }

func (e *execError) Unwrap() error { return e.error }

func (e *execError) exitCode() int {
	if errors.Is(e.error, exec.ErrNotFound) || errors.Is(e.error, fs.ErrNotExist) {
		return exitNotFound
	}
	return exitCannotRun
}

func (p *program) execCommand() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "exec [flags] -- COMMAND [ARGUMENT...]",
		Short: "Run a command whose Python code can import penknife and call the one that runs",
		Long: "Run a command whose Python code can import penknife (penknife.cache, penknife.metrics, penknife.django) and calls the\n" +
			"penknife that runs: manage.py, a queue's worker, a script, a shell. The command takes the place of this process. It\n" +
			"starts also if no penknife runs; each call then raises penknife.NotRunning. Only root and the user that penknife\n" +
			"runs as may call. Daemons and jobs of the configuration need no `penknife exec`." + remoteHelp,
		Example: "  penknife exec --config /etc/mysite/penknife.yaml -- python manage.py shell",
		Args: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) == 0 {
				return &usageError{"penknife exec: which command? penknife exec -- COMMAND [ARGUMENT...]"}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, arguments []string) error { return p.exec(&r, arguments) },
	}
	r.addTo(cmd)
	cmd.Flags().SetInterspersed(false) // what follows the command is the command's
	return cmd
}

// exec becomes the command.
func (p *program) exec(r *remote, command []string) error {
	socket, err := p.socketForCommand(r)
	if err != nil {
		return err
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return &execError{err}
	}
	placed, err := python.UsualPlaces(p.environ).Write()
	if err != nil {
		return fmt.Errorf("%w\nSet TMPDIR to a directory of your own", err)
	}
	// The lock holds as long as the command has the descriptor.
	if _, err := unix.FcntlInt(placed.Lock.Fd(), unix.F_SETFD, 0); err != nil {
		return err
	}
	signal.Reset() // what was ignored when we began, as by nohup(1), is so again
	err = p.become(path, command, placed.Environ(p.environ, socket))
	runtime.KeepAlive(placed.Lock)
	if err != nil { // only tests come here without
		return &execError{fmt.Errorf("%s: %w", path, err)}
	}
	return nil
}

// socketForCommand finds the control socket, absolute, since the command may go elsewhere. A configuration with problems
// counts as far as it was understood, as for all commands that speak to a running penknife.
func (p *program) socketForCommand(r *remote) (string, error) {
	loaded, err := r.settings.load(p.environ, "")
	err = onlyAppMissing(err)
	var problems *configs.Problems
	if err != nil && !errors.As(err, &problems) {
		return "", err
	}
	socket := loaded.Config.ControlSocket(p.environ)
	if socket == "" {
		return "", errors.Join(err, &usageError{"penknife exec: the configuration has no control socket (control.listen)"})
	}
	if err != nil {
		p.complain(fmt.Sprintf("%v\npenknife exec: goes on with the control socket %s; --control names another one", err, socket))
	}
	if strings.HasPrefix(socket, "@") {
		return socket, nil
	}
	return filepath.Abs(socket)
}

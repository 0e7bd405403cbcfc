package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"penknife/configs"
	"penknife/handover"
	"penknife/server"
)

// The exit codes; they are part of the contract with whoever starts penknife.
const (
	exitOK     = 0
	exitOther  = 1
	exitConfig = 2
	exitImport = 3
)

// program is the command line with its surroundings, which tests replace.
type program struct {
	environ        []string
	stdout, stderr io.Writer
	version        string
	signals        <-chan os.Signal
	serve          func(context.Context, server.Options) error
	command        handover.Command      // how this process was started
	predecessor    *handover.Predecessor // that this process is to succeed; nil: none
	// become replaces this process by a program (execve(2)); it gives an error or nothing.
	become func(path string, arguments, environ []string) error
}

// usageError is a command line that cannot be understood.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// run executes one command line and gives the exit code.
func (p *program) run(ctx context.Context, arguments []string) int {
	root := p.rootCommand()
	root.SetArgs(arguments)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		if cmd.Name() != serveName { // which has its own opinion about signals
			go p.endOnSignal(ctx, cancel) // until the command ends
		}
	}
	err := root.ExecuteContext(ctx)
	if ended := (*signalError)(nil); err != nil && errors.As(context.Cause(ctx), &ended) {
		err = ended
	}
	server.Refuse(p.predecessor, err) // whatever it is: a flag that this version does not know, or the application
	return p.report(err)
}

// signalError is why a command did not go on: somebody pressed Ctrl-C, or the terminal is gone.
type signalError struct{ signal os.Signal }

func (e *signalError) Error() string {
	return e.signal.String() + ": not waited for an answer; what was asked for may go on"
}

// endOnSignal ends what a command waits for.
func (p *program) endOnSignal(ctx context.Context, cancel context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case signal := <-p.signals:
			switch signal {
			case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT:
				cancel(&signalError{signal})
				return
			}
		}
	}
}

// report prints an error as its reader needs it and chooses the exit code.
func (p *program) report(err error) int {
	var problems *configs.Problems
	var app *server.AppError
	var usage *usageError
	var reload *reloadError
	var scale *scaleError
	var replaced *execError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &problems):
		p.complain(problems.Error())
		return exitConfig
	case errors.As(err, &usage):
		p.complain(usage.Error())
		return exitConfig
	case errors.As(err, &reload):
		p.complain(strings.TrimRight(reload.Traceback, "\n"))
		p.complain(reload.command + ": nothing was changed: " + reload.Reason)
		return reload.exitCode()
	case errors.As(err, &scale):
		p.complain("penknife scale: " + scale.Reason)
		return scale.exitCode()
	case errors.As(err, &replaced):
		p.complain("penknife exec: " + replaced.Error())
		return replaced.exitCode()
	case errors.As(err, &app):
		p.complain(strings.TrimRight(app.Traceback, "\n"))
		p.complain("penknife: " + app.Error())
		return exitImport
	}
	p.complain("penknife: " + err.Error())
	return exitOther
}

func (p *program) complain(text string) {
	if text != "" {
		fmt.Fprintln(p.stderr, text)
	}
}

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "penknife",
		Short:         "Run Python WSGI applications in production",
		Version:       p.version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          p.noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetFlagErrorFunc(explainFlagError)
	root.SetHelpCommand(p.helpCommand(root))
	root.AddCommand(p.serveCommand(), p.statusCommand(), p.reloadCommand(), p.upgradeCommand(), p.scaleCommand(),
		p.reopenLogsCommand(), p.stopCommand(), p.execCommand(), p.cacheCommand(), p.checkCommand(), p.topCommand(),
		p.explainCommand(), p.versionCommand())
	return root
}

// helpCommand is Cobra's, but for what is no command: there Cobra prints the help of penknife itself.
func (p *program) helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Print what a command does and takes",
		RunE: func(_ *cobra.Command, arguments []string) error {
			found, rest, err := root.Find(arguments)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return p.noSuchCommand(found, rest)
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}

// noSuchCommand answers for what is no command. Cobra's own answer is a text that cannot be told from other errors.
func (p *program) noSuchCommand(cmd *cobra.Command, arguments []string) error {
	if len(arguments) == 0 {
		return nil
	}
	hint := "; see penknife --help"
	if near := cmd.SuggestionsFor(arguments[0]); len(near) > 0 {
		hint = "; did you mean " + strings.Join(near, " or ") + "?"
	} else if strings.ContainsAny(arguments[0], ":.") {
		hint = "; did you mean penknife serve " + arguments[0] + "?"
	}
	return &usageError{fmt.Sprintf("penknife: %q is no command%s", arguments[0], hint)}
}

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"penknife/configs"
	"penknife/server"
)

// optionalArgument permits one argument, and says what to do about more.
func optionalArgument(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, arguments []string) error {
		if len(arguments) <= 1 {
			return nil
		}
		return &usageError{fmt.Sprintf("penknife %s: takes one %s, got %d arguments: %s (a flag's value needs no space "+
			"in it, or quotes)", cmd.Name(), what, len(arguments), strings.Join(arguments, " "))}
	}
}

func first(arguments []string) string {
	if len(arguments) == 0 {
		return ""
	}
	return arguments[0]
}

// serveName is the command that runs a server.
const serveName = "serve"

func (p *program) serveCommand() *cobra.Command {
	var settings settingFlags
	cmd := &cobra.Command{
		Use:        serveName + " [MODULE:CALLABLE]",
		SuggestFor: []string{"start", "run"},
		Short:      "Serve an application until SIGTERM",
		Long: "Serve an application until SIGTERM. With nothing else said, HTTP is served on " + configs.DefaultListen +
			",\nor on 0.0.0.0:$PORT if that is set. A flag wins over the environment, that over the file.\n\n" +
			"ADDR is HOST:PORT, :PORT (loopback), unix:PATH or a path that begins with / or ./, or unix:@abstract.",
		Example: "  penknife serve mysite.wsgi:application --uwsgi unix:/run/mysite.sock --processes 4",
		Args:    optionalArgument("application"),
		RunE: func(cmd *cobra.Command, arguments []string) error {
			loaded, err := settings.load(p.environ, first(arguments))
			if err != nil {
				return err
			}
			return p.serve(cmd.Context(), server.Options{
				Loaded: loaded, Version: p.version, Environ: p.environ,
				Signals: p.signals, Stdout: p.stdout, Stderr: p.stderr,
				Command: p.command, Predecessor: p.predecessor,
				Reload: func() (*configs.Loaded, error) { return settings.load(p.environ, first(arguments)) },
			})
		},
	}
	settings.addTo(cmd)
	return cmd
}

func (p *program) checkCommand() *cobra.Command {
	var settings settingFlags
	cmd := &cobra.Command{
		Use:   "check [MODULE:CALLABLE]",
		Short: "Print every problem of the configuration and serve nothing",
		Args:  optionalArgument("application"),
		RunE: func(cmd *cobra.Command, arguments []string) error {
			loaded, err := settings.load(p.environ, first(arguments))
			if err != nil {
				return err
			}
			if err := server.Check(loaded); err != nil {
				return err
			}
			for _, warning := range server.Warnings(loaded) {
				p.complain("penknife check: warning: " + warning)
			}
			from := loaded.File
			if from == "" {
				from = "no file"
			}
			_, err = fmt.Fprintf(p.stdout, "the configuration is good (%s)\n", from)
			return err
		},
	}
	settings.addTo(cmd)
	return cmd
}

func (p *program) explainCommand() *cobra.Command {
	var settings settingFlags
	cmd := &cobra.Command{
		Use:               "explain [KEY]",
		Short:             "Print what a key means, its default, its value and where that came from",
		Long:              "Print what a key or a section means, its default, its value and where that came from; without KEY, all values.",
		Example:           "  penknife explain workers.request_timeout",
		Args:              optionalArgument("key"),
		ValidArgsFunction: completeKey,
		RunE: func(_ *cobra.Command, arguments []string) error {
			loaded, err := settings.load(p.environ, "")
			p.noteProblems(err)
			if len(arguments) == 0 {
				_, err := fmt.Fprint(p.stdout, loaded.ExplainAll())
				return err
			}
			text, err := loaded.Explain(arguments[0])
			if errors.Is(err, configs.ErrNoSuchKey) {
				return &usageError{"penknife explain: " + err.Error()}
			}
			_, err = fmt.Fprint(p.stdout, text)
			return err
		},
	}
	settings.addTo(cmd)
	return cmd
}

// completeKey offers the keys that begin so.
func completeKey(_ *cobra.Command, before []string, begin string) (paths []string, _ cobra.ShellCompDirective) {
	for _, key := range configs.Keys() {
		if len(before) == 0 && strings.HasPrefix(key.Path, begin) {
			paths = append(paths, key.Path)
		}
	}
	return paths, cobra.ShellCompDirectiveNoFileComp
}

// noteProblems tells that values may be missing, without hiding what was asked for. An application is not needed to
// explain a key.
func (p *program) noteProblems(err error) {
	var problems *configs.Problems
	if !errors.As(err, &problems) {
		return
	}
	n := 0
	for _, problem := range problems.List {
		if problem.Rule != configs.RuleAppMissing {
			n++
		}
	}
	if n > 0 {
		p.complain(fmt.Sprintf("penknife explain: the configuration has problems (%d): penknife check prints them", n))
	}
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  optionalArgument("argument"),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(p.stdout, "penknife %s\n", p.version)
			return err
		},
	}
}

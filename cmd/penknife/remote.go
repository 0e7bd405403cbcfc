package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"penknife/configs"
	"penknife/control"
)

// remote is what the commands share that speak to a running penknife: the flags of `penknife serve`, since the place
// of the socket follows from the configuration.
type remote struct{ settings settingFlags }

const remoteHelp = "\n\nThe control socket is found by the configuration: give the same --config or listeners as to " +
	"penknife serve,\nor the socket itself with --control unix:PATH. The other flags\nof penknife serve are accepted and mean nothing here."

// addTo registers the flags with a command. The help shows those that say where the socket is.
func (r *remote) addTo(cmd *cobra.Command) {
	r.settings.addTo(cmd)
	for _, f := range r.settings.flags {
		switch f.key.Path {
		case "http", "uwsgi", "control.listen":
		default:
			cmd.Flags().Lookup(f.key.Flag).Hidden = true
		}
	}
}

// call finds the socket and lets use speak to it. A configuration with problems counts as far as it was understood,
// because the server may run with an earlier state of it; if nobody answers, the problems are the better message.
func (r *remote) call(p *program, use func(*control.Client) error) error {
	loaded, problems := r.settings.load(p.environ, "")
	path := loaded.Config.ControlSocket(p.environ)
	if path == "" {
		return &usageError{"penknife: the configuration has no control socket (control.listen)"}
	}
	err := use(control.NewClient(path))
	if errors.Is(err, control.ErrNobody) && onlyAppMissing(problems) != nil {
		return onlyAppMissing(problems)
	}
	if errors.Is(err, control.ErrNobody) {
		return fmt.Errorf("%w\nIs it running? Give the same --config or listeners as to penknife serve, or --control unix:PATH", err)
	}
	return err
}

// onlyAppMissing drops the problem that no application is named, which does not matter here.
func onlyAppMissing(err error) error {
	var problems *configs.Problems
	if !errors.As(err, &problems) {
		return err
	}
	var kept configs.Problems
	for _, problem := range problems.List {
		if problem.Rule != configs.RuleAppMissing {
			kept.List = append(kept.List, problem)
		}
	}
	if len(kept.List) == 0 {
		return nil
	}
	return &kept
}

// reloadError is a reload or an upgrade that changed nothing, as the server tells it.
type reloadError struct {
	control.Failure
	command string // that was given
}

func (e *reloadError) Error() string { return e.Reason }

// exitCode is what `penknife serve` would have ended with.
func (e *reloadError) exitCode() int {
	switch e.Fault {
	case control.FaultConfig:
		return exitConfig
	case control.FaultApp:
		return exitImport
	}
	return exitOther
}

func (p *program) reloadCommand() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:        "reload",
		SuggestFor: []string{"restart"},
		Short:      "Replace the application by its new code and configuration without losing a request",
		Long: "Replace the application by its new code and configuration without losing a request. Returns when the new\n" +
			"workers serve. If they cannot, nothing is changed: the reason is printed and the exit code is 2 for the\n" +
			"configuration, 3 for the application, 1 for anything else." + remoteHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.call(p, func(client *control.Client) error {
				result, err := client.Reload(cmd.Context())
				if err != nil {
					return err
				}
				if len(result.NeedsRestart) > 0 {
					p.complain("penknife reload: these changes wait for a restart: " + strings.Join(result.NeedsRestart, ", ") +
						" (penknife upgrade applies them too)")
				}
				if result.Failure != nil {
					return &reloadError{*result.Failure, "penknife reload"}
				}
				_, err = fmt.Fprintf(p.stdout, "generation %d serves with %s, after %.1f s\n", result.Generation,
					scalingText(result.Scaling), result.Took)
				return err
			})
		},
	}
	r.addTo(cmd)
	return cmd
}

func (p *program) reopenLogsCommand() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "reopen-logs",
		Short: "Let a running penknife begin new log files, as SIGUSR1 does, and wait until it has",
		Long:  "Let a running penknife begin new log files, as SIGUSR1 does, and wait until it has: after a rotation." + remoteHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.call(p, func(client *control.Client) error { return client.ReopenLogs(cmd.Context()) })
		},
	}
	r.addTo(cmd)
	return cmd
}

func (p *program) upgradeCommand() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:        "upgrade",
		SuggestFor: []string{"restart"},
		Short:      "Let a new process of the program on disk take over without losing a request",
		Long: "Let a new process of the program on disk take over without losing a request: a new version of penknife, or the\n" +
			"same one with the whole configuration read anew. Returns when the new process serves; the old one finishes\n" +
			"what it holds and leaves. If the new process cannot serve, nothing is changed: the reason is printed and the\n" +
			"exit code is 2 for the configuration, 3 for the application, 1 for anything else." + remoteHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.call(p, func(client *control.Client) error {
				result, err := client.Upgrade(cmd.Context())
				if err != nil {
					return err
				}
				if result.Failure != nil {
					return &reloadError{*result.Failure, "penknife upgrade"}
				}
				_, err = fmt.Fprintf(p.stdout, "penknife %s serves as pid %d, after %.1f s\n", result.Version, result.PID, result.Took)
				return err
			})
		},
	}
	r.addTo(cmd)
	return cmd
}

func (p *program) stopCommand() *cobra.Command {
	var r remote
	var fast bool
	cmd := &cobra.Command{
		Use:   "stop",
		Short: "Stop a running penknife as SIGTERM does, and wait until it is gone",
		Long:  "Stop a running penknife as SIGTERM does, and wait until it is gone." + remoteHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.call(p, func(client *control.Client) error { return client.Stop(cmd.Context(), fast) })
		},
	}
	cmd.Flags().BoolVar(&fast, "fast", false, "Do not wait for requests in flight")
	r.addTo(cmd)
	return cmd
}

func (p *program) statusCommand() *cobra.Command {
	var r remote
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print what a running penknife and its workers do",
		Long:  "Print what a running penknife and its workers do." + remoteHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.call(p, func(client *control.Client) error {
				status, err := client.Status(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					encoder := json.NewEncoder(p.stdout)
					encoder.SetIndent("", "  ")
					return encoder.Encode(status)
				}
				return printStatus(p.stdout, status, time.Now())
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON")
	r.addTo(cmd)
	return cmd
}

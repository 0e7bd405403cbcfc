package main

import (
	"os"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"penknife/control"
	"penknife/top"
)

func (p *program) topCommand() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show on the terminal what a running penknife and its workers do, once a second",
		Long:  "Show on the terminal what a running penknife and its workers do, once a second. Press ? for the keys." + remoteHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out, isFile := p.stdout.(*os.File)
			if !isFile || !isatty.IsTerminal(out.Fd()) || !isatty.IsTerminal(os.Stdin.Fd()) {
				return &usageError{"penknife top: this is no terminal; penknife status prints the same once, and --json for programs"}
			}
			return r.call(p, func(client *control.Client) error {
				return top.Run(cmd.Context(), client.Report, os.Stdin, out)
			})
		},
	}
	r.addTo(cmd)
	return cmd
}

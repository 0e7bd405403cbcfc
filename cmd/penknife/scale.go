package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"penknife/control"
)

// scaleError is an order that was not obeyed, as the server tells it.
type scaleError struct{ control.Failure }

func (e *scaleError) Error() string { return e.Reason }

func (e *scaleError) exitCode() int {
	if e.Fault == control.FaultConfig {
		return exitConfig
	}
	return exitOther
}

// scaleName is the command that changes how many workers there are.
const scaleName = "scale"

func (p *program) scaleCommand() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   scaleName + " N|+N|-N|auto",
		Short: "Change how many worker processes there are",
		Long: "Change how many worker processes there are: to N, or by +N or -N (write -- before -N). Returns when they are ready.\n" +
			"Workers that are too many finish what they hold. The number stays, over reloads too, until another one, or until\n" +
			"`penknife scale auto`: then the configuration (workers.processes) decides again." + remoteHelp,
		Example: "  penknife scale 8 --config /etc/penknife/mysite.yaml",
		Args:    oneNumber,

		ValidArgsFunction: cobra.FixedCompletions([]string{"auto"}, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, arguments []string) error {
			order, err := parseScale(arguments[0])
			if err != nil {
				return err
			}
			return r.call(p, func(client *control.Client) error {
				result, err := client.Scale(cmd.Context(), order)
				if err != nil {
					return err
				}
				if result.Failure != nil {
					return &scaleError{*result.Failure}
				}
				_, err = fmt.Fprintln(p.stdout, scalingText(result.Scaling))
				return err
			})
		},
	}
	r.addTo(cmd)
	return cmd
}

func oneNumber(_ *cobra.Command, arguments []string) error {
	if len(arguments) != 1 {
		return &usageError{"penknife scale: takes one number of workers, or auto"}
	}
	return nil
}

// parseScale reads "8", "+1", "-1" or "auto".
func parseScale(text string) (control.ScaleOrder, error) {
	if text == "auto" {
		return control.ScaleOrder{Auto: true}, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n == 0 {
		return control.ScaleOrder{}, &usageError{fmt.Sprintf("penknife scale: %q is neither a number of workers from 1, nor a "+
			"change such as +1, nor auto", text)}
	}
	if text[0] == '+' || text[0] == '-' {
		return control.ScaleOrder{By: n}, nil
	}
	return control.ScaleOrder{To: n}, nil
}

// scalingText tells how many workers there shall be, and who says so.
func scalingText(s control.Scaling) string {
	text := strconv.Itoa(s.Wanted) + " worker"
	if s.Wanted != 1 {
		text += "s"
	}
	switch s.Mode {
	case "hand":
		text += " (by hand)"
	case "busyness", "queue":
		text += fmt.Sprintf(" (%s, %d to %d)", s.Mode, s.Min, s.Max)
	}
	return text
}

// scalingStatus tells the same, and how many there could be.
func scalingStatus(s control.Scaling) string {
	if s.Mode == "busyness" || s.Mode == "queue" {
		return scalingText(s)
	}
	return fmt.Sprintf("%s, %d to %d are possible", scalingText(s), s.Min, s.Max)
}

package top

import (
	"context"
	"errors"
	"io"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"penknife/control"
)

const (
	// interval is the time between two looks.
	interval = time.Second
	// patience is how long an answer may take before it counts as none.
	patience = 5 * time.Second
)

// Fetch asks for a report. It must end with ctx.
type Fetch func(ctx context.Context) (control.Report, error)

// Run shows reports on a terminal until somebody presses q, or ctx ends. The first report comes before the screen is
// touched, so that an error is one line.
func Run(ctx context.Context, fetch Fetch, in io.Reader, out io.Writer) error {
	first, err := fetch(ctx)
	if err != nil {
		return err
	}
	m := model{fetch: fetch, now: &first, width: 80, height: 24}
	_, err = tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithAltScreen()).Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return nil // ctx ended: somebody wants us to go
	}
	return err
}

// model is what is on the screen and why.
type model struct {
	fetch         Fetch
	now, before   *control.Report // before: nil until there are two
	err           error           // why the latest look failed; the screen then shows the last report
	width, height int
	order         order
	paused, help  bool
}

type (
	tick     struct{}
	answered struct {
		report control.Report
		err    error
	}
)

// Init begins to look.
func (m model) Init() tea.Cmd { return wait() }

func wait() tea.Cmd { return tea.Tick(interval, func(time.Time) tea.Msg { return tick{} }) }

func (m model) look() tea.Msg {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	report, err := m.fetch(ctx)
	return answered{report, err}
}

// Update follows keys, the size of the terminal, and reports.
func (m model) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch message := message.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = message.Width, message.Height
	case tea.KeyMsg:
		return m.key(message.String())
	case tick:
		if m.paused {
			return m, wait()
		}
		return m, m.look
	case answered:
		m.err = message.err
		if message.err == nil {
			m.before, m.now = m.now, &message.report
		}
		return m, wait()
	}
	return m, nil
}

func (m model) key(name string) (tea.Model, tea.Cmd) {
	switch name {
	case "q", "esc", "ctrl+c":
		return m, tea.Quit
	case "s":
		m.order = m.order.next()
	case "p", " ":
		m.paused = !m.paused
	case "?", "h":
		m.help = !m.help
	}
	return m, nil
}

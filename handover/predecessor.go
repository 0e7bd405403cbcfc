package handover

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// offerTimeout is how long the offer may take to come, which is written before anything else.
const offerTimeout = 10 * time.Second

// Inherited is a descriptor that was handed over. The file is the caller's from Take on.
type Inherited struct {
	Kind string
	Info json.RawMessage
	File *os.File
}

// Predecessor is the process that serves, as its successor sees it. Begin is called once; the others may be called from
// any goroutine after it.
type Predecessor struct {
	Items   []Inherited
	PID     int
	Version string

	conn   net.Conn
	reader *bufio.Reader

	cancelled chan struct{} // closed when the predecessor has changed its mind
	proceed   chan struct{} // closed when it wants us to serve, or is gone
	heard     chan struct{} // closed when its last word was heard

	mu    sync.Mutex
	begun bool
	over  bool // nothing more can be said
}

// Take finds the predecessor, if this process was started by one; nil without. It takes the variable out of the
// environment.
func Take() (*Predecessor, error) {
	text := os.Getenv(variable)
	if text == "" {
		return nil, nil
	}
	if err := os.Unsetenv(variable); err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("handover: %s=%q: %w", variable, text, ErrProtocol)
	}
	unix.CloseOnExec(number)
	file := os.NewFile(uintptr(number), "handover")
	conn, err := net.FileConn(file)
	_ = file.Close()
	if err != nil {
		return nil, fmt.Errorf("handover: %w", err)
	}
	p := &Predecessor{
		conn: conn, reader: bufio.NewReader(conn),
		cancelled: make(chan struct{}), proceed: make(chan struct{}), heard: make(chan struct{}),
	}
	if err := p.takeOffer(number + 1); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return p, nil
}

func (p *Predecessor) takeOffer(first int) error {
	_ = p.conn.SetReadDeadline(time.Now().Add(offerTimeout))
	var offered offer
	if err := p.readLine(&offered); err != nil {
		return fmt.Errorf("handover: the offer: %w", err)
	}
	_ = p.conn.SetReadDeadline(time.Time{})
	if offered.Protocol != protocol {
		p.Fail(Failure{Reason: fmt.Sprintf("it wants version %d of the handover, this is %d", protocol, offered.Protocol)})
		return fmt.Errorf("%w: version %d, this is %d", ErrProtocol, offered.Protocol, protocol)
	}
	p.PID, p.Version = offered.PID, offered.Version
	for i, item := range offered.Items {
		unix.CloseOnExec(first + i)
		p.Items = append(p.Items, Inherited{item.Kind, item.Info, os.NewFile(uintptr(first+i), item.Kind)})
	}
	return nil
}

func (p *Predecessor) readLine(into any) error {
	line, err := p.reader.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, into)
}

// Begin says that this process starts, and takes at most so long.
func (p *Predecessor) Begin(version string, atMost time.Duration) {
	p.mu.Lock()
	p.begun = true
	p.mu.Unlock()
	p.send(report{State: stateBegun, Version: version, Patience: duration(atMost.Milliseconds())})
	go p.listen() // ends with the socket, at the latest by Close, which waits
}

// listen hears what the predecessor decides, and then that it has gone.
func (p *Predecessor) listen() {
	defer close(p.heard)
	var said order
	err := p.readLine(&said)
	if err == nil && said.Cancel {
		close(p.cancelled)
		return
	}
	close(p.proceed) // told so, or alone: a predecessor that is gone serves nobody
	for err == nil {
		err = p.readLine(&said)
	}
}

// Cancelled is closed when the predecessor does not want to be succeeded any more.
func (p *Predecessor) Cancelled() <-chan struct{} { return p.cancelled }

// Ready says that this process could serve. What the predecessor says to that comes by Proceed or Cancelled.
func (p *Predecessor) Ready() { p.send(report{State: stateReady}) }

// Proceed is closed when this process shall serve: the predecessor says so, or it is gone.
func (p *Predecessor) Proceed() <-chan struct{} { return p.proceed }

// Serving says that this process serves, and returns when the predecessor has told everybody else who needs to know.
func (p *Predecessor) Serving() {
	p.send(report{State: stateServing})
	timer := time.NewTimer(offerTimeout)
	defer timer.Stop()
	select {
	case <-p.heard:
	case <-timer.C:
	}
	p.Close()
}

// Fail says why this process will not serve, and ends the conversation. After the end it does nothing.
func (p *Predecessor) Fail(failure Failure) {
	p.send(report{State: stateFailed, Failure: &failure})
	p.Close()
}

// Close ends the conversation. It may be called again.
func (p *Predecessor) Close() {
	p.mu.Lock()
	begun, over := p.begun, p.over
	p.over = true
	p.mu.Unlock()
	if over {
		return
	}
	_ = p.conn.Close()
	if begun {
		<-p.heard
	}
}

// send says something, unless nobody listens any more.
func (p *Predecessor) send(line report) {
	p.mu.Lock()
	over := p.over
	p.mu.Unlock()
	text, err := json.Marshal(line)
	if over || err != nil {
		return
	}
	_ = p.conn.SetWriteDeadline(time.Now().Add(offerTimeout))
	_, _ = p.conn.Write(append(text, '\n'))
}
